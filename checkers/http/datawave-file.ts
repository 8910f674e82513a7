import { parseReply } from "../../src/core/agent-grammar.ts";
import { nearest } from "../../src/lib/nearest.ts";

type Table = Readonly<Record<string, unknown>>;

/** The DataWave agent's own defaults for its three reductions (its example_config.yml). */
const REDUCTIONS = {
  connection_usage_reduction: { by: "ConnectionUsagePercent/100", usual: 0.7 },
  os_load_reduction: { by: "SystemLoad", usual: 0.4 },
  swap_usage_reduction: { by: "SwapBytesUsed>0", usual: 0.3 },
} as const;

/** How each other key becomes an option. Throws an Error, in words. */
const READERS: Readonly<Record<string, (value: unknown, key: string) => Table>> = {
  // A comma would begin another URL.
  check_url: (value, key) => ({ url: textOf(value, key).replaceAll(",", "%2C") }),
  check_timeout: (value, key) => ({ timeout: numberOf(value, key) }),
  interval: (value, key) => ({ interval: numberOf(value, key) }),
  down_response: (value, key) => ({ "on-refused": stateOf(textOf(value, key), key) }),
  unavailable_response: (value, key) => ({ "on-503": stateOf(textOf(value, key), key) }),
  staleness_interval: () => ({}),
  staleness_response: () => ({}),
  // How long answers under way may take to finish when it ends; here they take a moment at most.
  stop_timeout(value, key) {
    numberOf(value, key);
    return {};
  },
};

const TOP_KEYS = ["bind", "port", "dw_health_poller"];
const POLLER_KEYS = [...Object.keys(READERS), ...Object.keys(REDUCTIONS)];

/** Its default, s. */
const USUAL_INTERVAL = 1;

/** As good as never, and shorter than what a timer can count, s. */
const A_DAY = 86_400;

/** The configuration file of the DataWave agent, as it is, as option values. Throws an Error that says what is wrong. */
export async function readDatawaveFile(text: string): Promise<Table> {
  const document = given(await parseYaml(text), "it is not a YAML document of keys and values");
  rejectOthers(document, TOP_KEYS);
  const { bind, port, dw_health_poller: section } = document;
  const poller = given(section, "dw_health_poller must have keys and values");
  rejectOthers(poller, POLLER_KEYS);
  return {
    ...(bind === undefined ? {} : { "agent-bind": bindOf(textOf(bind, "bind")) }),
    ...(port === undefined ? {} : { "agent-port": numberOf(port, "port") }),
    ...readPoller(poller),
    ...readStaleness(poller),
  };
}

async function parseYaml(text: string): Promise<unknown> {
  const { parse } = await import("yaml");
  try {
    return parse(text);
  } catch (error) {
    // The rest of it shows the place in several lines.
    const [line = ""] = String(error instanceof Error ? error.message : error).split("\n");
    throw new Error(`it is not YAML: ${line.replace(/:$/, "")}`);
  }
}

/** The keys that have a value. */
function given(value: unknown, otherwise: string): Table {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) throw new Error(otherwise);
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== null));
}

function rejectOthers(table: Table, known: readonly string[]): void {
  const other = Object.keys(table).find((key) => !known.includes(key));
  if (other === undefined) return;
  const close = nearest(other, known);
  throw new Error(`unknown key "${other}"${close === undefined ? "" : `; did you mean ${close}?`}`);
}

function readPoller(poller: Table): Table {
  let values: Table = {};
  for (const [key, value] of Object.entries(poller)) values = { ...values, ...READERS[key]?.(value, key) };
  const weights = Object.entries(REDUCTIONS).map(
    ([key, { by, usual }]) => `${by}:${poller[key] === undefined ? usual : partOf(poller[key], key)}`,
  );
  return { ...values, "weight-by": weights.join(",") };
}

/** With 0 nothing is ever stale; without words for it there is no opinion then. */
function readStaleness({ interval, staleness_interval: age, staleness_response: line }: Table): Table {
  if (age === undefined) return {};
  const seconds = numberOf(age, "staleness_interval");
  if (seconds === 0) return { "stale-after": A_DAY };
  if (seconds <= numberOf(interval ?? USUAL_INTERVAL, "interval")) {
    throw new Error(`staleness_interval must be longer than interval (is ${seconds}): every answer would be stale`);
  }
  return { "stale-after": seconds, "on-stale": line === undefined ? "" : textOf(line, "staleness_response") };
}

/** All of its ways to say "everywhere", in IPv4; here that has IPv6 in it where there is any. */
function bindOf(address: string): string {
  return address === "0.0.0.0" || address === "" ? "*" : address;
}

function textOf(value: unknown, key: string): string {
  if (typeof value === "string") return value;
  throw new Error(`${key} must be a text (is ${JSON.stringify(value)})`);
}

/** Whole numbers too, where the original insists on a point in them. */
function numberOf(value: unknown, key: string): number {
  if (typeof value === "number" && value >= 0) return value;
  throw new Error(`${key} must be a number from 0 (is ${JSON.stringify(value)})`);
}

function partOf(value: unknown, key: string): number {
  // Six digits: more would be written with an exponent.
  if (typeof value === "number" && value >= 0 && value <= 1) return Number(value.toFixed(6));
  throw new Error(`${key} must be a number from 0 to 1 (is ${JSON.stringify(value)})`);
}

/** What a line of HAProxy's agent-check protocol means for a server that does not take new queries. */
function stateOf(line: string, key: string): "drain" | "down" | "unknown" {
  const { health, admin, weightPercent, maxconn, unknown } = parseReply(line);
  if (unknown.length > 0) throw new Error(`${key}: HAProxy does not understand "${unknown[0]}"`);
  if (health !== undefined && health !== "up") return "down";
  if (admin === "drain" || admin === "maint" || weightPercent === 0) return "drain";
  if (health === undefined && admin === undefined && weightPercent === undefined && maxconn === undefined) {
    return "unknown";
  }
  throw new Error(`${key}: "${line}" would keep new queries on a server that does not take them`);
}
