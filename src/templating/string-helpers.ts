import { type HelperCall, type Helpers, integer, list, text, wrong } from "./helper.ts";

/** No helper makes more text or a longer list than this out of a number that may come from the store. */
const MOST = 100_000;

/** What works on text: confd's functions, and those of its fork. */
export const stringHelpers: Helpers = {
  base: { params: "path", run: (call) => base(text(call, 0)) },
  dir: { params: "path", run: (call) => dir(text(call, 0)) },
  split: { params: "text separator", run: (call) => text(call, 0).split(text(call, 1)) },
  join: { params: "list separator", run: (call) => list(call, 0).join(text(call, 1)) },
  toUpper: { params: "text", run: (call) => text(call, 0).toUpperCase() },
  toLower: { params: "text", run: (call) => text(call, 0).toLowerCase() },
  contains: { params: "text part", run: (call) => text(call, 0).includes(text(call, 1)) },
  replace: { params: "text old new [count]", run: replace },
  trimPrefix: { params: "text prefix", run: (call) => trimPrefix(text(call, 0), text(call, 1)) },
  trimSuffix: { params: "text suffix", run: (call) => trimSuffix(text(call, 0), text(call, 1)) },
  repeat: { params: "count text", run: (call) => repeat(call, text(call, 1), integer(call, 0)) },
  nospace: { params: "text", run: (call) => text(call, 0).replace(/\s/g, "") },
  snakecase: { params: "text", run: (call) => words(text(call, 0)).join("_") },
  kebabcase: { params: "text", run: (call) => words(text(call, 0)).join("-") },
  camelcase: { params: "text", run: (call) => words(text(call, 0)).map(capitalised).join("") },
  indent: { params: "spaces text", run: (call) => indent(call, text(call, 1)) },
  nindent: { params: "spaces text", run: (call) => `\n${indent(call, text(call, 1))}` },
  printf: { params: "format [value]...", run: printf },
};

/** Go's `path.Base`. */
function base(path: string): string {
  if (path === "") return ".";
  return path.replace(/\/+$/, "").split("/").pop() || "/";
}

/** Go's `path.Dir`. */
function dir(path: string): string {
  const cut = path.lastIndexOf("/");
  if (cut < 0) return ".";
  return path.slice(0, cut).replace(/\/+$/, "") || "/";
}

/** Go's `strings.Replace`: without a count, or with one below 0, all of them. */
function replace(call: HelperCall): string {
  const [from, to] = [text(call, 1), text(call, 2)];
  const count = call.args.length > 3 ? integer(call, 3) : -1;
  const parts = text(call, 0).split(from);
  if (count < 0 || count >= parts.length) return parts.join(to);
  return [parts.slice(0, count + 1).join(to), ...parts.slice(count + 1)].join(from);
}

function trimPrefix(value: string, prefix: string): string {
  return value.startsWith(prefix) ? value.slice(prefix.length) : value;
}

function trimSuffix(value: string, suffix: string): string {
  return suffix !== "" && value.endsWith(suffix) ? value.slice(0, -suffix.length) : value;
}

function repeat(call: HelperCall, value: string, count: number): string {
  if (count * value.length > MOST) throw wrong(call, `this makes more than ${MOST} characters`);
  return value.repeat(Math.max(count, 0));
}

function indent(call: HelperCall, value: string): string {
  if (value === "") return "";
  return value.replace(/^/gm, repeat(call, " ", integer(call, 0)));
}

/** Words of `fooBar`, `HTTPServer`, `foo_bar`, `foo-bar` and `foo bar`, in small letters. */
function words(value: string): readonly string[] {
  return value
    .replace(/(\p{Lu})(?=\p{Lu}\p{Ll})|([^\p{Lu}_ -])(?=\p{Lu})/gu, "$1$2 ")
    .split(/[_ -]+/)
    .filter((word) => word !== "")
    .map((word) => word.toLowerCase());
}

function capitalised(word: string, index: number): string {
  return index === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1);
}

/** Go's `printf` with the verbs that templates use: %s %v %d %q and %%. */
function printf(call: HelperCall): string {
  let next = 1;
  const result = text(call, 0).replace(/%(.?)/gs, (_, verb: string) => {
    if (verb === "%") return "%";
    if (next >= call.args.length) throw wrong(call, `there is no value for the ${next}. verb`);
    const index = next++;
    if (verb === "d") return `${integer(call, index)}`;
    if (verb === "q") return JSON.stringify(text(call, index));
    if (verb === "s" || verb === "v") return text(call, index);
    throw wrong(call, `it knows %s, %v, %d, %q and %%, not %${verb}`);
  });
  if (next < call.args.length) throw wrong(call, "there are more values than verbs");
  return result;
}
