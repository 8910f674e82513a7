/** One metric of an exposition. */
export interface ParsedFamily {
  readonly help: string;
  readonly type: string;
  /** The value of each series by its labels, sorted by name: `kind="memcached",tag="mem1"`. */
  readonly series: ReadonlyMap<string, number>;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE = /^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?<labels>.*)\})? (?<value>\S+)$/;
const LABEL = /^(?<name>[a-zA-Z_][a-zA-Z0-9_]*)="(?<value>(?:[^"\\\n]|\\\\|\\"|\\n)*)"(?:,|$)/;
const VALUE = /^(?:[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN)$/;

/**
 * Reads Prometheus' text format 0.0.4 more strictly than Prometheus does, and throws at the first slip: each family
 * begins with its HELP and TYPE, its series follow in one piece, no series comes twice, counters end in `_total`.
 */
export function parseExposition(text: string): ReadonlyMap<string, ParsedFamily> {
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  const families: Families = new Map();
  let help: Comment | undefined;
  let current = "";
  for (const line of text.slice(0, -1).split("\n")) {
    if (line === "") continue;
    if (!line.startsWith("#")) {
      addSample(line, { name: current, series: families.get(current)?.series });
      continue;
    }
    const comment = parseComment(line);
    if (comment.word === "HELP") help = comment;
    else {
      if (help?.name !== comment.name || families.has(comment.name)) throw new Error(`out of place: ${line}`);
      families.set(comment.name, { help: help.text, type: comment.text, series: new Map() });
      current = comment.name;
    }
  }
  return families;
}

type Families = Map<string, ParsedFamily & { readonly series: Map<string, number> }>;

interface Comment {
  readonly word: "HELP" | "TYPE";
  readonly name: string;
  readonly text: string;
}

function parseComment(line: string): Comment {
  const { word, name = "", text = "" } = /^# (?<word>HELP|TYPE) (?<name>\S+) (?<text>.+)$/.exec(line)?.groups ?? {};
  if ((word !== "HELP" && word !== "TYPE") || !NAME.test(name)) throw new Error(`malformed comment: ${line}`);
  if (word === "TYPE" && text !== (name.endsWith("_total") ? "counter" : "gauge")) {
    throw new Error(`the type does not fit the name: ${line}`);
  }
  return { word, name, text };
}

/** One series, as {@link ParsedFamily.series} spells it. */
export function seriesKey(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(",");
}

function addSample(line: string, family: { readonly name: string; readonly series: Map<string, number> | undefined }) {
  const { name, labels = "", value = "" } = SAMPLE.exec(line)?.groups ?? {};
  if (name === undefined || !VALUE.test(value)) throw new Error(`malformed sample: ${line}`);
  if (name !== family.name || family.series === undefined) throw new Error(`not in its family: ${line}`);
  const key = seriesKey(parseLabels(labels, line));
  if (family.series.has(key)) throw new Error(`twice: ${line}`);
  family.series.set(key, Number(value.replace("Inf", "Infinity")));
}

function parseLabels(text: string, line: string): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  let rest = text;
  while (rest !== "") {
    const match = LABEL.exec(rest);
    const { name, value = "" } = match?.groups ?? {};
    if (match === null || name === undefined || name in labels) throw new Error(`malformed labels: ${line}`);
    labels[name] = value.replace(/\\(.)/g, (_, char: string) => (char === "n" ? "\n" : char));
    rest = rest.slice(match[0].length);
  }
  return labels;
}
