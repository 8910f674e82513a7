import { AppError, type AppErrorOptions } from "../core/errors.ts";
import type { Location } from "./syntax-tree.ts";

/** Longer pieces of a template are cut in messages. */
const SHOWN_CHARS = 60;

/** Where something is in a template, as messages begin: `haproxy.cfg.hbs:12: {{port}}`. */
export type Where = string;

/** An error in a template, or a value it cannot use. */
export function templateError(where: Where, problem: string, options: AppErrorOptions = {}): AppError {
  return new AppError("E_TEMPLATE", `${where}: ${problem}`, options);
}

/** The place of a node and the piece of the template that stands there. */
export function whereIs(location: Location, lines: readonly string[]): Where {
  const { source, start, end } = location;
  const line = lines[start.line - 1] ?? "";
  const piece = line.slice(start.column, start.line === end.line ? end.column : undefined);
  const opening = /^\{\{.*?\}\}\}?/.exec(piece)?.[0] ?? piece;
  const shown = opening.length > SHOWN_CHARS ? `${opening.slice(0, SHOWN_CHARS - 3)}...` : opening;
  return `${source}:${start.line}: ${shown}`;
}

/** A syntax error of Handlebars' parser in one line: `haproxy.cfg.hbs:12: unexpected "}" after "{{#if x"`. */
export function syntaxError(error: unknown, file: string, lines: readonly string[]): AppError {
  const text = error instanceof Error ? error.message : String(error);
  const parse = /^(?:Parse|Lexical) error on line (\d+)/.exec(text);
  const mismatch = /^(.*doesn't match.*?)(?: - (\d+):\d+)?$/.exec(text);
  const line = Number(parse?.[1] ?? mismatch?.[2] ?? 0);
  const place = line > 0 ? `${file}:${line}` : file;
  return templateError(place, reason(text, lines[line - 1]), { cause: error });
}

function reason(text: string, line: string | undefined): string {
  const mismatch = /^(\S+) doesn't match (\S+)/.exec(text);
  if (mismatch !== null) return `{{/${mismatch[2]}}} closes {{#${mismatch[1]}}}`;
  const near = line === undefined ? "" : ` in: ${line.trim().slice(0, SHOWN_CHARS)}`;
  const got = /, got '(\w+)'$/.exec(text)?.[1];
  if (got === "EOF") return `the template ends before a {{#block}} or a {{tag is closed`;
  if (got === "OPEN_ENDBLOCK") return `{{/…}} closes a block that was never opened${near}`;
  return got === undefined ? `${text.split("\n", 1)[0]}${near}` : `this is not a Handlebars expression${near}`;
}
