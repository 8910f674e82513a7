import { type HelperCall, type Helpers, text, wrong } from "./helper.ts";

/** Regular expressions in JavaScript's syntax; a pattern is part of the template, so its author answers for its cost. */
export const regexHelpers: Helpers = {
  regexMatch: { params: "pattern text", run: (call) => expression(call, "u").test(text(call, 1)) },
  regexFind: { params: "pattern text", run: (call) => expression(call, "u").exec(text(call, 1))?.[0] ?? "" },
  regexReplaceAll: {
    params: "pattern text replacement",
    run: (call) => text(call, 1).replace(expression(call, "gu"), replacement(text(call, 2))),
  },
};

const compiled = new Map<string, RegExp>();

function expression(call: HelperCall, flags: "u" | "gu"): RegExp {
  const pattern = text(call, 0);
  const key = `${flags} ${pattern}`;
  let regex = compiled.get(key);
  if (regex === undefined) {
    regex = compile(call, pattern, flags);
    compiled.set(key, regex);
  }
  regex.lastIndex = 0;
  return regex;
}

function compile(call: HelperCall, pattern: string, flags: string): RegExp {
  // Go writes flags at the start of the pattern, JavaScript behind it.
  const [, goFlags = "", rest = ""] = /^(?:\(\?([ims]+)\))?(.*)$/s.exec(pattern) ?? [];
  try {
    return new RegExp(rest, flags + [...new Set(goFlags)].join(""));
  } catch (error) {
    throw wrong(call, `"${pattern}" is no regular expression`, error);
  }
}

/** Go's `$1`, `${1}`, `${name}` and `$0` in JavaScript's spelling. */
function replacement(go: string): string {
  return go.replace(/\$\{(\d+)\}|\$\{(\w+)\}|\$0/g, (_, number?: string, name?: string) => {
    if (name !== undefined) return `$<${name}>`;
    return number === undefined || number === "0" ? "$&" : `$${number.padStart(2, "0")}`;
  });
}
