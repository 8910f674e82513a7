import { AppError } from "../core/errors.ts";
import type { Pair } from "../core/store.ts";
import { checkKey } from "./key.ts";

/** How a document is written. */
export type DocumentFormat = "json" | "yaml";

/** The format that a file's name stands for. */
export function documentFormat(path: string): DocumentFormat {
  return path.toLowerCase().endsWith(".json") ? "json" : "yaml";
}

/** Reads a document: all keys and their values, sorted by key. Throws E_STORE_INVALID that names the key. */
export type DocumentParser = (text: string) => readonly (readonly [key: string, value: string])[];

/**
 * The parser of a format; loads only that one. In a document a text is the value itself; an object, a list,
 * a number and a boolean stand for their JSON.
 */
export async function loadDocumentParser(format: DocumentFormat): Promise<DocumentParser> {
  const parse = format === "json" ? JSON.parse : (await import("yaml")).parse;
  return (text) => {
    const document = parseWith(parse, text, format);
    if (typeof document !== "object" || document === null || Array.isArray(document)) {
      throw invalid("it is not one object with keys and values");
    }
    const values = Object.entries(document).map(([key, value]) => [documentKey(key), toValue(key, value)] as const);
    return values.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  };
}

/**
 * A document that the format's parser reads back to the same bytes. A value that is the compact JSON of an
 * object is written as that object, for people to read; any other is written as text.
 */
export async function printDocument(pairs: readonly Pair[], format: DocumentFormat): Promise<string> {
  const document = Object.fromEntries(pairs.map(({ key, value }) => [key, objectOf(value) ?? value]));
  if (format === "json") return `${JSON.stringify(document, null, 2)}\n`;
  const { stringify } = await import("yaml");
  return stringify(document, { lineWidth: 0, aliasDuplicateObjects: false });
}

function parseWith(parse: (text: string) => unknown, text: string, format: DocumentFormat): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw invalid(`it is not ${format.toUpperCase()}: ${firstLine(error)}`);
  }
}

function documentKey(key: string): string {
  try {
    checkKey(key);
    return key;
  } catch (error) {
    throw invalid(error instanceof AppError ? error.message : String(error));
  }
}

function toValue(key: string, value: unknown): string {
  if (typeof value === "string") return value;
  const json = value === null ? undefined : JSON.stringify(value);
  if (json === undefined) throw invalid(`the key ${JSON.stringify(key)} has no value`);
  return json;
}

/** The object whose JSON is exactly this text, if there is one: only then is nothing lost by writing it out. */
function objectOf(value: string): object | undefined {
  if (!value.startsWith("{")) return undefined;
  try {
    const json: unknown = JSON.parse(value);
    return JSON.stringify(json) === value ? (json as object) : undefined;
  } catch {
    return undefined;
  }
}

function invalid(what: string): AppError {
  return new AppError("E_STORE_INVALID", `this is no snapshot of keys: ${what}`, {
    hint: `a snapshot is one object such as {"haproxy/memcached/mem11211": {"name": "mem11211", ...}}; kv dump writes one`,
  });
}

function firstLine(error: unknown): string {
  const [line = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
  return line;
}
