import { changeParts, type Pair } from "./change-parts.ts";
import { isDoubled } from "./members.ts";
import { type Change, refused, type Scene } from "./scene.ts";
import { CHANGEABLE, type Keyword } from "./server-keywords.ts";
import { isPlainName, type ServerLine } from "./server-line.ts";
import { showWord, textOf } from "./wording.ts";

/** What it takes to make a server that stays what the new file says of it. */
export function changeServer(pair: Pair, scene: Scene): Change {
  const [before, after] = pair;
  if (isSame(pair)) return { steps: [], reasons: [] };
  const puzzle = puzzleOf(before, scene) ?? puzzleOf(after, scene);
  if (puzzle !== undefined) return refused(scene, after, puzzle);
  const fixed = fixedDifferences(pair);
  const parts = changeParts(pair, scene);
  const whys = parts.filter((part) => typeof part === "string");
  if (fixed.length > 0 || whys.length > 0) return refused(scene, after, ...fixed, ...whys);
  return { steps: parts.flatMap((part) => (typeof part === "string" ? [] : part)), reasons: [] };
}

/** Whether a server's line, and all it inherits, are what they were. */
function isSame([before, after]: Pair): boolean {
  const isSameLine = textOf(before.line) === textOf(after.line) && before.line.depth === after.line.depth;
  return isSameLine && before.unknown === after.unknown && keysOf(before.keywords) === keysOf(after.keywords);
}

function keysOf(keywords: readonly Keyword[]): string {
  return JSON.stringify(keywords.map(({ name, values }) => [name, ...values]));
}

/** Why a line cannot be judged; undefined when it can. */
export function puzzleOf(server: ServerLine, scene: Scene): string | undefined {
  const { line, name, unknown } = server;
  if (line.broken !== undefined) return `line ${line.number} is not understood: ${line.broken}`;
  if (line.hasVariable) return `a variable decides on line ${line.number}`;
  if (line.depth > 0 || scene.section.depth > 0) return `line ${line.number} stands between .if and .endif`;
  if (!isPlainName(name) || !isPlainName(scene.section.name)) return `its name is not understood`;
  if (isDoubled(name, scene.members)) return "there is more than one server of that name";
  return unknown === undefined ? undefined : `keyword ${JSON.stringify(showWord(unknown))} is not understood`;
}

/** What differs that HAProxy takes from its file alone. */
function fixedDifferences([before, after]: Pair): string[] {
  const [old, now] = [fixedKeys(before), fixedKeys(after)];
  if (old.join("\n") === now.join("\n")) return [];
  const changed = [...without(now, old), ...without(old, now)].map((key) => key.split(" ")[0]);
  if (changed.length === 0) return ["its keywords stand in another order"];
  return [...new Set(changed)].map((name) => `keyword "${name}" is not changed at run time`);
}

/** Of `weight`, `disabled` and their like not even the presence counts; of check and agent addresses that alone. */
function fixedKeys({ keywords }: ServerLine): string[] {
  return keywords
    .filter(({ name }) => !FREE.has(name))
    .map(({ name, values }) => {
      return CHANGEABLE.has(name) ? name : [name, ...values.map((value) => JSON.stringify(value))].join(" ");
    });
}

const FREE: ReadonlySet<string> = new Set(["weight", "maxconn", "disabled", "enabled"]);

function without(keys: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return keys.filter((key) => {
    const at = left.indexOf(key);
    if (at !== -1) left.splice(at, 1);
    return at === -1;
  });
}
