import { createColors } from "picocolors";

/** Writes the tour's output: lines with the ms since the latest headline's moment in front. */
export interface Journal {
  /** A headline; from here on times count from `fromMs` (as performance.now() tells it). */
  chapter(text: string, fromMs: number): void;
  /** One thing that happened: when it was seen, which part did it, and what. */
  step(atMs: number, who: string, what: string): void;
  /** A line without a time. */
  line(text?: string): void;
  /** A command to paste, on lines of its own. */
  command(text: string): void;
  /** One line of the summary: the ms it took, and what. */
  took(ms: number, what: string): void;
}

const TIME_WIDTH = 7;
const WHO_WIDTH = 9;
/** With time and who in front this fills 100 columns; all of it is in the logs. */
const WHAT_WIDTH = 77;

/** Writes to standard output, coloured only on a terminal. */
export function createJournal(out: NodeJS.WriteStream): Journal {
  const paint = createColors(out.isTTY === true && process.env["NO_COLOR"] === undefined);
  const write = (text: string) => void out.write(`${text}\n`);
  const time = (ms: number) => paint.dim(`${Math.round(ms).toString().padStart(TIME_WIDTH)} ms`);
  let startMs = performance.now();
  return {
    chapter(text, fromMs) {
      startMs = fromMs;
      write(`\n${paint.bold(text)}`);
    },
    step: (atMs, who, what) => write(`${time(atMs - startMs)}  ${paint.cyan(who.padEnd(WHO_WIDTH))} ${cut(what)}`),
    line: (text = "") => write(text),
    command: (text) => write(text.replaceAll(/^/gm, "    ").replace(/.+/s, paint.green)),
    took: (ms, what) => write(`${time(ms)}  ${what}`),
  };
}

function cut(text: string): string {
  return text.length > WHAT_WIDTH ? `${text.slice(0, WHAT_WIDTH - 1)}…` : text;
}
