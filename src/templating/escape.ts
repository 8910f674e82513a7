import { AppError } from "../core/errors.ts";
import { type EscapeFunction, lookupProperty } from "./container.ts";
import { CONTROL, haproxyWord } from "./haproxy-word.ts";
import { isRawText } from "./raw-text.ts";
import { keyOf, type Scope } from "./scope.ts";
import { templateError, type Where } from "./template-error.ts";

/** `{{x}}` for a file of HAProxy: one word, or E_TEMPLATE saying where, and from which key, no word can be made. */
export function createHaproxyEscape(current: () => Scope): EscapeFunction {
  return (value, where, context) => {
    if (typeof value === "string") {
      return haproxyWord(value) ?? refuseText(value, where, keyOf(value, context, current().pairs));
    }
    if (typeof value === "number" && Number.isFinite(value)) return `${value}`;
    if (value === undefined || value === null) return refuseNothing(where, context, current());
    return otherText(value, where);
  };
}

/** `{{x}}` for any other file: the text as it is; nothing for nothing. */
export const escapeNothing: EscapeFunction = (value, where) => {
  if (typeof value === "string") return value;
  return value === undefined || value === null ? "" : otherText(value, where);
};

function otherText(value: unknown, where: Where): string {
  if (typeof value === "number" || typeof value === "boolean") return `${value}`;
  if (isRawText(value)) return value.raw;
  throw templateError(where, `this is ${Array.isArray(value) ? "a list" : "an object"}, not a text or number`, {
    hint: "Name one of its fields, go through it with {{#each}}, or use toJson.",
  });
}

function refuseText(text: string, where: Where, key: string | undefined): never {
  // Named as it is written in JSON.
  const control = JSON.stringify(CONTROL.exec(text)?.[0]).slice(1, -1);
  const source = key === undefined ? "" : `, from ${key}`;
  throw templateError(where, `a control character (${control}) cannot be in a HAProxy file${source}`);
}

function refuseNothing(where: Where, context: unknown, scope: Scope): never {
  const key = lookupProperty(context, "key") ?? keyOfParsed(context, scope);
  throw new AppError("E_TEMPLATE", `${where}: there is no such value${typeof key === "string" ? ` in ${key}` : ""}`, {
    hint: 'Ask first with {{#if}}, or give a default with {{default "…" x}}.',
  });
}

function keyOfParsed(context: unknown, { pairs, memory }: Scope): string | undefined {
  if (typeof context !== "object" || context === null) return undefined;
  return pairs.find((pair) => memory.json(memory.view(pair), pair.value)?.value === context)?.key;
}
