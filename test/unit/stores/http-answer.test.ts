import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createAnswerParser, type HttpAnswer } from "../../../src/stores/http-answer.ts";

const MAX_BODY_BYTES = 1_000_000;

const latin1 = (text: string) => Buffer.from(text, "latin1");

/** Feeds the pieces in memory that is used again for each, as a socket does. */
function feedAll(pieces: readonly Buffer[], maxBodyBytes = MAX_BODY_BYTES): HttpAnswer | undefined {
  const parser = createAnswerParser(maxBodyBytes);
  const memory = Buffer.alloc(Math.max(1, ...pieces.map((piece) => piece.length)));
  let answer: HttpAnswer | undefined;
  for (const piece of pieces) {
    piece.copy(memory);
    answer = parser.feed(memory.subarray(0, piece.length));
    memory.fill(0);
  }
  return answer ?? parser.end();
}

function readable(answer: HttpAnswer | undefined) {
  return answer === undefined ? undefined : { ...answer, headers: { ...answer.headers }, body: answer.body.toString() };
}

const read = (text: string) => readable(feedAll([latin1(text)]));

function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((from, i) => bytes.subarray(from, places[i] ?? bytes.length));
}

describe("answers and their ends", () => {
  test("a length", () => {
    expect(read("HTTP/1.1 200 OK\r\nX-Consul-Index: 7\r\nContent-Length: 5\r\n\r\nhello")).toEqual({
      status: 200,
      headers: { "x-consul-index": "7", "content-length": "5" },
      body: "hello",
      kept: true,
    });
  });

  test("chunks, whose extensions and trailers mean nothing", () => {
    const body = '5;a=b\r\nhello\r\nA ; c="d"\r\n, chunked!\r\n000\r\nX-Late: x-index\r\n\r\n';
    const answer = read(`HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n${body}`);
    expect(answer).toMatchObject({ body: "hello, chunked!", kept: true });
    expect(answer?.headers).toEqual({ "transfer-encoding": "Chunked" });
  });

  test("the close, when neither is given; the connection is then not kept", () => {
    expect(read("HTTP/1.1 200 OK\r\n\r\nuntil the end")).toMatchObject({ body: "until the end", kept: false });
  });

  test.each([
    ["a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"],
    ["chunks without their end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"],
    ["chunks without the empty line", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"],
    ["a head", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"],
    ["a status line", "HTTP/1.1 20"],
    ["nothing at all", ""],
  ])("%s that is cut short is no answer", (_what, text) => {
    expect(read(text)).toBeUndefined();
  });

  test.each(["204 No Content", "304 Not Modified"])("%s has no body, whatever its headers say", (status) => {
    expect(read(`HTTP/1.1 ${status}\r\nContent-Length: 5\r\n\r\n`)).toMatchObject({ body: "", kept: true });
  });

  test("interim answers are skipped with their headers", () => {
    const interim = "HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n";
    const answer = read(`${interim}HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n`);
    expect(answer).toMatchObject({ status: 404, body: "" });
    expect(answer?.headers).toEqual({ "content-length": "0" });
  });

  test.each([
    ["1.1 without a word", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true],
    ["close", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close\r\n\r\n", false],
    ["close among others", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: x, close\r\n\r\n", false],
    ["1.0", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", false],
  ])("whether the connection is kept: %s", (_what, text, kept) => {
    expect(read(text)?.kept).toBe(kept);
  });

  test("headers: names in any case, blanks around values, latin1, repetitions, and names of our language", () => {
    const lines = ["X-A:1", "x-a: \t2 \t", "X-Latin: \xe9\xa0", "__proto__: p", "constructor: c", "X-Empty:"];
    const answer = read(`HTTP/1.1 200\r\n${lines.join("\r\n")}\r\nContent-Length: 0\r\n\r\n`);
    const expected = { "x-a": "1, 2", "x-latin": "\xe9\xa0", constructor: "c", "x-empty": "", "content-length": "0" };
    expect(answer?.headers).toEqual({ ...expected, ["__proto__"]: "p" });
  });
});

describe("answers that are refused", () => {
  const head = "HTTP/1.1 200 OK\r\n";
  const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n`;
  test.each([
    ["another protocol", "SSH-2.0-OpenSSH_9.2"],
    ["one byte of another protocol", "\x4a"],
    ["HTTP/2", "HTTP/2 200\r\n"],
    ["HTTP/1.2", "HTTP/1.2 200 OK\r\n"],
    ["a status of two digits", "HTTP/1.1 20 OK\r\n"],
    ["a status of 0xx", "HTTP/1.1 099 OK\r\n"],
    ["a control character in the reason", "HTTP/1.1 200 O\0K\r\n"],
    ["a status line that ends with LF", "HTTP/1.1 200 OK\n"],
    ["a header that ends with LF", `${head}X-A: 1\nContent-Length: 0\r\n`],
    ["CR within a header", `${head}X-A: 1\rX-B: 2\r\n`],
    ["a NUL within a header", `${head}X-A: \0\r\n`],
    ["a header without a colon", `${head}nonsense\r\n`],
    ["a header without a name", `${head}: 1\r\n`],
    ["a blank before the colon", `${head}Content-Length : 5\r\n`],
    ["a folded header", `${head}X-A: 1\r\n  2\r\n`],
    ["a change of protocol", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
    ["a length and chunks", `${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`],
    ["a length and chunks for no body", "HTTP/1.1 204 -\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n"],
    ["two lengths", `${head}Content-Length: 5\r\nContent-Length: 6\r\n\r\n`],
    ["two lengths in one header", `${head}Content-Length: 5, 6\r\n\r\n`],
    ["a negative length", `${head}Content-Length: -5\r\n\r\n`],
    ["a length with a sign", `${head}Content-Length: +5\r\n\r\n`],
    ["a length in hex", `${head}Content-Length: 0x5\r\n\r\n`],
    ["an empty length", `${head}Content-Length:\r\n\r\n`],
    ["a length beyond all numbers", `${head}Content-Length: ${"9".repeat(30)}\r\n\r\n`],
    ["another coding", `${head}Transfer-Encoding: gzip, chunked\r\n\r\n`],
    ["chunked twice", `${head}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`],
    ["chunks in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
    ["a size that is no hex number", `${chunked}5g\r\n`],
    ["an empty size", `${chunked}\r\n`],
    ["a negative size", `${chunked}-1\r\n`],
    ["a size with 0x", `${chunked}0x5\r\n`],
    ["a size beyond all memory", `${chunked}fffffffff\r\n`],
    ["a size line that ends with LF", `${chunked}5\nhello\r\n`],
    ["a control character in an extension", `${chunked}5;\0\r\n`],
    ["an extension without an end", `${chunked}5;${"x".repeat(2_000)}`],
    ["a chunk longer than its size", `${chunked}5\r\nhello!\r\n`],
    ["a chunk that ends with LF", `${chunked}5\r\nhello\n`],
    ["a trailer that is no header", `${chunked}0\r\nnonsense\r\n`],
    ["a line without an end", `${head}X-A: ${"x".repeat(70_000)}`],
    ["headers without an end", head + "X-A: 1\r\n".repeat(9_000)],
    ["trailers without an end", `${chunked}0\r\n${"X-A: 1\r\n".repeat(9_000)}`],
    ["interim answers without an end", "HTTP/1.1 100 Continue\r\n\r\n".repeat(3_000)],
    ["a second answer behind the first", `${head}Content-Length: 0\r\n\r\n${head}`],
    ["a byte behind the last chunk", `${chunked}0\r\n\r\n!`],
    ["a body behind an answer without one", "HTTP/1.1 204 No Content\r\n\r\nhello"],
  ])("%s", (_what, text) => {
    const refused = expect.objectContaining({ code: "HPE_INVALID" });
    expect(() => feedAll([latin1(text)])).toThrow(refused);
    expect(() =>
      feedAll(
        split(
          latin1(text),
          Array.from(text, (_, i) => i),
        ),
      ),
    ).toThrow(refused);
  });

  test.each([
    ["a length", `${head}Content-Length: 1001\r\n\r\n`],
    ["the size of a chunk", `${chunked}3e9\r\n`],
    ["all chunks", `${chunked}1f4\r\n${"x".repeat(500)}\r\n1f5\r\n`],
    ["what comes until the close", `${head}\r\n${"x".repeat(1_001)}`],
  ])("a body beyond the bound, by %s", (_what, text) => {
    expect(() => feedAll([latin1(text)], 1_000)).toThrow(expect.objectContaining({ code: "E_STORE_INVALID" }));
  });
});

const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/);
const value = fc.stringMatching(/^[\x21-\x7e\xa1-\xff]{0,20}$/);
const headerLines = fc
  .array(
    fc.tuple(
      fc.constant("X-").chain((start) => token.map((rest) => start + rest)),
      value,
    ),
    { maxLength: 6 },
  )
  .map((all) => all.map(([name, text]) => `${name}: ${text}\r\n`).join(""));
const chunk = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString("latin1"));

/** A valid answer, as it is written, and its body. */
const valid = fc
  .record({
    status: fc.constantFrom(200, 404, 500),
    lines: headerLines,
    chunks: fc.array(chunk, { maxLength: 5 }),
    framing: fc.constantFrom("length", "chunked", "until-end"),
    interim: fc.boolean(),
  })
  .map(({ status, lines, chunks, framing, interim }) => {
    const whole = chunks.join("");
    const sized = chunks.map((text) => `${text.length.toString(16)};x\r\n${text}\r\n`).join("");
    const [line, sent] =
      framing === "length"
        ? [`Content-Length: ${whole.length}\r\n`, whole]
        : framing === "chunked"
          ? ["Transfer-Encoding: chunked\r\n", `${sized}0\r\n${lines}\r\n`]
          : ["", whole];
    const before = interim ? "HTTP/1.1 100 Continue\r\n\r\n" : "";
    return { status, text: `${before}HTTP/1.1 ${status} Reason\r\n${lines}${line}\r\n${sent}`, body: whole };
  });

describe("however an answer is cut into pieces", () => {
  test("it reads the same as in one piece", () => {
    fc.assert(
      fc.property(valid, fc.array(fc.nat(), { maxLength: 12 }), ({ status, text, body }, cuts) => {
        const bytes = latin1(text);
        const whole = feedAll([bytes]);
        expect(whole?.status).toBe(status);
        expect(whole?.body.toString("latin1")).toBe(body);
        expect(feedAll(split(bytes, cuts))).toEqual(whole);
      }),
      { numRuns: 500 },
    );
  });

  test("each of its beginnings is either unfinished or ended by the close", () => {
    fc.assert(
      fc.property(valid, fc.nat(), ({ text, body }, cut) => {
        const start = latin1(text).subarray(0, cut % latin1(text).length);
        const answer = feedAll([start]);
        if (answer !== undefined) expect(body.startsWith(answer.body.toString("latin1"))).toBe(true);
        if (answer !== undefined) expect(answer.kept).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
});
