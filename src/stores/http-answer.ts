import { createBody } from "./http-body.ts";
import {
  addHeader,
  checkStart,
  type Framing,
  framingOf,
  type HttpHeaders,
  isKept,
  noHeaders,
  parseStatusLine,
} from "./http-head.ts";
import { type Cursor, createLineReader } from "./http-lines.ts";
import { HttpSyntaxError } from "./http-syntax-error.ts";

/** Status line, headers and trailers together, also those of the 1xx answers before the answer. */
const MAX_HEAD_BYTES = 64 * 1024;
/** The line before a chunk: eight digits, and what some servers add. */
const MAX_CHUNK_LINE_BYTES = 1024;

/** A whole answer as it came, compressed or not. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly body: Buffer;
  /** Whether the connection may carry another exchange. */
  readonly kept: boolean;
}

/** Reads one answer piece by piece. */
export interface AnswerParser {
  /**
   * The answer as soon as it is whole. The piece's memory may be used again afterwards. Throws
   * HttpSyntaxError for what is not HTTP/1.1 (RFC 9112) and for bytes behind the end, E_STORE_INVALID for a
   * body beyond the bound; the connection is then of no use.
   */
  feed(piece: Buffer): HttpAnswer | undefined;
  /** The other side has closed: the answer, if that is how it ends, or undefined when it was cut short. */
  end(): HttpAnswer | undefined;
}

/** What the next bytes are. `body` counts down `left`; all others are lines. */
type Step = "status" | "header" | "body" | "chunk-size" | "chunk-end" | "trailer" | "done";

/** Creates a parser for one answer to a GET, PUT or DELETE. */
export function createAnswerParser(maxBodyBytes: number): AnswerParser {
  const lines = createLineReader();
  const body = createBody(maxBodyBytes);
  let step: Step = "status";
  let headLeft = MAX_HEAD_BYTES;
  let statusLine = { minorVersion: 1, status: 0 };
  let headers = noHeaders();
  let framing: Framing = { type: "none" };
  let left = 0;

  function onLine(line: string): void {
    if (step === "status") {
      statusLine = parseStatusLine(line);
      step = "header";
    } else if (step === "header") {
      if (line === "") onHead();
      else addHeader(headers, line);
    } else if (step === "chunk-size") {
      onChunk(parseChunkSize(line));
    } else if (step === "chunk-end") {
      step = "chunk-size";
    } else {
      if (line === "") step = "done";
      // Checked like headers and forgotten: they come too late to be of use.
      else addHeader(noHeaders(), line);
    }
  }

  function onHead(): void {
    if (statusLine.status === 101) throw new HttpSyntaxError("it changes the protocol unasked");
    if (statusLine.status < 200) {
      headers = noHeaders();
      step = "status";
      return;
    }
    framing = framingOf(statusLine, headers);
    if (framing.type === "chunked") step = "chunk-size";
    else if (framing.type === "none") step = "done";
    else onBody(framing.type === "length" ? framing.bytes : Number.POSITIVE_INFINITY);
  }

  function onBody(bytes: number): void {
    left = bytes;
    step = bytes === 0 ? "done" : "body";
    if (Number.isFinite(bytes)) body.reserve(bytes);
  }

  function onChunk(bytes: number): void {
    if (bytes === 0) step = "trailer";
    else onBody(bytes);
  }

  function takeBody(cursor: Cursor): void {
    const { piece, at } = cursor;
    const end = Math.min(piece.length, at + left);
    if (framing.type === "until-end") body.reserve(end - at);
    body.append(piece, at, end);
    cursor.at = end;
    left -= end - at;
    if (left === 0) step = framing.type === "chunked" ? "chunk-end" : "done";
  }

  function takeLine(cursor: Cursor): void {
    const line = lines.take(cursor, maxLineBytes(step, headLeft));
    if (line === undefined) {
      if (step === "status") checkStart(lines.unfinished());
      return;
    }
    if (step === "status" || step === "header" || step === "trailer") headLeft -= line.length + 2;
    onLine(line);
  }

  const answer = (kept: boolean): HttpAnswer => ({ status: statusLine.status, headers, body: body.whole(), kept });
  return {
    feed(piece) {
      const cursor: Cursor = { piece, at: 0 };
      while (cursor.at < piece.length) {
        if (step === "done") throw new HttpSyntaxError("more follows behind its end");
        if (step === "body") takeBody(cursor);
        else takeLine(cursor);
      }
      return step === "done" ? answer(isKept(statusLine, headers)) : undefined;
    },
    end: () => (step === "body" && framing.type === "until-end" ? answer(false) : undefined),
  };
}

function maxLineBytes(step: Step, headLeft: number): number {
  if (step === "chunk-end") return 0;
  return step === "chunk-size" ? MAX_CHUNK_LINE_BYTES : Math.max(0, headLeft - 2);
}

/** Extensions behind the size mean nothing to us (RFC 9112, 7.1.1). */
function parseChunkSize(line: string): number {
  const match = /^([0-9A-Fa-f]{1,8})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/.exec(line);
  if (match === null) throw new HttpSyntaxError("the size of a chunk is malformed");
  return Number.parseInt(match[1] ?? "", 16);
}
