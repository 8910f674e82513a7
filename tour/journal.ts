import { createColors } from "picocolors";

/** Writes the tour's output: lines with the ms since the latest headline's moment in front. */
export interface Journal {
  /** A headline and what it is about; from here on times count from `fromMs` (as performance.now() tells it). */
  chapter(text: string, fromMs: number, about?: string): void;
  /** One thing that happened: when it was seen, which part did it, and what. */
  step(atMs: number, who: string, what: string): void;
  /** A line without a time. */
  line(text?: string): void;
  /** A command to paste, on lines of its own. */
  command(text: string): void;
  /** Lines of a table whose first one says what the columns are. */
  table(lines: readonly string[]): void;
}

const TIME_WIDTH = 7;
const WHO_WIDTH = 9;
/** With time and who in front this fills 100 columns; what is longer goes on in the next line. */
const WHAT_WIDTH = 77;
const INDENT = " ".repeat(TIME_WIDTH + " ms  ".length + WHO_WIDTH + 1);

/** Writes to standard output, coloured only on a terminal. */
export function createJournal(out: NodeJS.WriteStream): Journal {
  const paint = createColors(out.isTTY === true && process.env["NO_COLOR"] === undefined);
  const write = (text: string) => void out.write(`${text}\n`);
  const time = (ms: number) => paint.dim(`${Math.round(ms).toString().padStart(TIME_WIDTH)} ms`);
  let startMs = performance.now();
  return {
    chapter(text, fromMs, about) {
      startMs = fromMs;
      write(`\n${paint.bold(text)}`);
      if (about !== undefined) write(about);
    },
    step(atMs, who, what) {
      const [first = "", ...more] = wrap(what);
      write(`${time(atMs - startMs)}  ${paint.cyan(who.padEnd(WHO_WIDTH))} ${first}`);
      for (const line of more) write(INDENT + line);
    },
    line: (text = "") => write(text),
    command: (text) => write(text.replaceAll(/^/gm, "    ").replace(/.+/s, paint.green)),
    table([head = "", ...rows]) {
      write(paint.bold(head));
      for (const row of rows) write(row);
    },
  };
}

/** At spaces, where there is one. */
function wrap(text: string): string[] {
  if (text.length <= WHAT_WIDTH) return [text];
  const space = text.lastIndexOf(" ", WHAT_WIDTH);
  const end = space > 0 ? space : WHAT_WIDTH;
  return [text.slice(0, end), ...wrap(text.slice(end).trimStart())];
}
