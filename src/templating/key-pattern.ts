/** Whether a key fits a pattern. */
export type KeyMatcher = (key: string) => boolean;

const matchers = new Map<string, KeyMatcher>();

/**
 * A pattern of Go's `path.Match`, which confd's `gets` takes: `*` and `?` stand for anything but `/`, `[a-z]` and
 * `[^a-z]` for one character, a backslash takes the next character as it is; the whole key must fit. Patterns come
 * from templates, never from the store. Throws a plain Error for a pattern that is none.
 */
export function keyMatcher(pattern: string): KeyMatcher {
  let matcher = matchers.get(pattern);
  if (matcher === undefined) {
    matcher = compile(pattern);
    matchers.set(pattern, matcher);
  }
  return matcher;
}

function compile(pattern: string): KeyMatcher {
  // The common patterns end in one `*`: a comparison of strings is several times quicker than an expression.
  const prefix = /^([^*?[\\]*)\*$/.exec(pattern)?.[1];
  if (prefix !== undefined) return (key) => key.startsWith(prefix) && !key.includes("/", prefix.length);
  const expression = new RegExp(`^${[...tokens(pattern)].join("")}$`, "su");
  return (key) => expression.test(key);
}

function* tokens(pattern: string): Generator<string> {
  const token = /\*+|\?|\[(\^?)((?:\\.|[^\\\]])+)\]|\\(.)|[^*?[\\]+/suy;
  while (token.lastIndex < pattern.length) {
    const at = token.lastIndex;
    const match = token.exec(pattern);
    if (match === null) throw new Error(`"${pattern}" is no pattern: see its character ${at + 1}`);
    yield source(match);
  }
}

function source([text, negation, members, escaped]: RegExpExecArray): string {
  if (text.startsWith("*")) return "[^/]*";
  if (text === "?") return "[^/]";
  if (members !== undefined) return `[${negation}${members.replace(/\\?([[\]^\\])|\\(.)/gsu, "\\$1$2")}]`;
  return literal(escaped ?? text);
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
