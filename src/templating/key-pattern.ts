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
  const isWords = pattern.split("/").every((word) => word === "*" || !/[*?[\\]/.test(word));
  if (isWords) return wordMatcher(pattern.split("*"));
  const expression = new RegExp(`^${[...tokens(pattern)].join("")}$`, "su");
  return (key) => expression.test(key);
}

/**
 * For patterns in which `*` stands for whole words only, given what is before, between and behind the stars: comparing
 * strings is several times quicker than an expression, and a render compares every key.
 */
function wordMatcher([head = "", ...rest]: readonly string[]): KeyMatcher {
  return (key) => {
    if (!key.startsWith(head)) return false;
    let at = head.length;
    for (const literal of rest) {
      const slash = key.indexOf("/", at);
      at = slash < 0 ? key.length : slash;
      if (!key.startsWith(literal, at)) return false;
      at += literal.length;
    }
    return at === key.length;
  };
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
