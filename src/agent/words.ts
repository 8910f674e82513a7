/** So much of a question is read; whoever sends more means nobody. */
const MOST_BYTES = 512;

const LINE_END = /[\r\n\0]/;

/** What came so far with what came now; a character for each byte, and not much more than is read. */
export function wordsWith(words: string, chunk: Buffer): string {
  return words + chunk.toString("latin1", 0, MOST_BYTES);
}

/** Whether it need not be waited for more. */
export function isWhole(words: string): boolean {
  return words.length >= MOST_BYTES || LINE_END.test(words);
}

/** The question itself; "" for nothing. */
export function firstLine(words: string): string {
  const end = words.search(LINE_END);
  return words.slice(0, end < 0 ? MOST_BYTES : Math.min(end, MOST_BYTES)).trim();
}
