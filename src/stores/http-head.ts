import { HttpSyntaxError } from "./http-syntax-error.ts";

/** Names in lower case. Values of a name that came several times are joined with commas (RFC 9110, 5.3). */
export type HttpHeaders = Readonly<Record<string, string | undefined>>;

/** The first line of an answer. */
export interface StatusLine {
  readonly minorVersion: number;
  readonly status: number;
}

/** How the end of a body is known (RFC 9112, 6.3). */
export type Framing =
  | { readonly type: "none" | "chunked" | "until-end" }
  | { readonly type: "length"; readonly bytes: number };

const START = "HTTP/1.";

/** Throws HttpSyntaxError for anything but HTTP/1.0 or 1.1. */
export function parseStatusLine(line: string): StatusLine {
  const match = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/.exec(line);
  if (match === null) throw new HttpSyntaxError("it does not begin with a status line of HTTP/1.0 or 1.1");
  return { minorVersion: Number(match[1]), status: Number(match[2]) };
}

/** Throws HttpSyntaxError when what came so far cannot become a status line. */
export function checkStart(text: string): void {
  if (text.slice(0, START.length) !== START.slice(0, text.length)) parseStatusLine(text);
}

/** A map without a prototype: the other side chooses the names, and `__proto__` is a good one. */
export function noHeaders(): Record<string, string | undefined> {
  return Object.create(null) as Record<string, string | undefined>;
}

/** Adds one line. Throws HttpSyntaxError for a folded line, a bad name, and control characters in the value. */
export function addHeader(headers: Record<string, string | undefined>, line: string): void {
  const match = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t\x20-\x7e\x80-\xff]*)$/.exec(line);
  if (match === null) throw new HttpSyntaxError("a header is malformed");
  const [, spelled = "", padded = ""] = match;
  const name = spelled.toLowerCase();
  const value = trimBlanks(padded);
  const before = headers[name];
  headers[name] = before === undefined ? value : `${before}, ${value}`;
}

/**
 * Throws HttpSyntaxError when the end cannot be known for sure: a length and chunks, more than one length, or
 * another coding than `chunked`.
 */
export function framingOf({ minorVersion, status }: StatusLine, headers: HttpHeaders): Framing {
  const coding = headers["transfer-encoding"];
  const length = headers["content-length"];
  if (coding !== undefined && length !== undefined) throw new HttpSyntaxError("it has a length and a coding");
  if (coding !== undefined && (minorVersion === 0 || coding.toLowerCase() !== "chunked")) {
    throw new HttpSyntaxError("its transfer coding is not chunked");
  }
  if (length !== undefined && !/^\d{1,15}$/.test(length)) throw new HttpSyntaxError("its length is not one number");
  if (status === 204 || status === 304) return { type: "none" };
  if (coding !== undefined) return { type: "chunked" };
  return length === undefined ? { type: "until-end" } : { type: "length", bytes: Number(length) };
}

/** Whether the other side keeps the connection open; HTTP/1.0 is not asked for it, so it does not. */
export function isKept({ minorVersion }: StatusLine, headers: HttpHeaders): boolean {
  const words = headers["connection"]?.toLowerCase().split(",") ?? [];
  return minorVersion === 1 && !words.some((word) => trimBlanks(word) === "close");
}

/** Blanks and tabs only: `trim` takes latin1's no-break space too. */
function trimBlanks(text: string): string {
  return text.replace(/^[\t ]+/, "").replace(/[\t ]+$/, "");
}
