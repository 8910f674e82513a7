/** A line of a configuration as HAProxy reads it. */
export interface ConfigLine {
  /** From 1. */
  readonly number: number;
  /**
   * Without quotes, escapes and comment; none for a blank line. A variable stands in a word as NUL and its raw text. Of a
   * broken line the first word, and then the whole line.
   */
  readonly words: readonly string[];
  /** Whether a word depends on the environment of the process that reads it. */
  readonly hasVariable: boolean;
  /** Why HAProxy refuses the line, or what of it we cannot tell. */
  readonly broken: string | undefined;
}

/** The most words of a line HAProxy takes (its MAX_LINE_ARGS, 2.4 to 3.4). */
const MOST_WORDS = 64;

const SPECIAL = /["'\\#$\r\0]/;

/**
 * Cuts one line, without its line end, into words as HAProxy's parser does (configuration manual 2.2 and 2.3): blanks
 * separate, `'…'` keeps everything, `"…"` lets variables and escapes through, `\` escapes, `#` begins a comment.
 */
export function readLine(text: string, number: number): ConfigLine {
  if (SPECIAL.test(text)) return readSpecial(text, number);
  const words = plainWords(text);
  return words.length > MOST_WORDS
    ? readSpecial(text, number)
    : { number, words, hasVariable: false, broken: undefined };
}

/** Words between blanks, without a regular expression: every line of a file goes through here. */
function plainWords(text: string): string[] {
  const words: string[] = [];
  let start = -1;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const isBetween = code === 32 || (code >= 9 && code <= 12);
    if (!isBetween && start === -1) start = at;
    if (!isBetween || start === -1) continue;
    words.push(text.slice(start, at));
    start = -1;
  }
  if (start !== -1) words.push(text.slice(start));
  return words;
}

interface Reading {
  readonly text: string;
  readonly number: number;
  readonly words: string[];
  at: number;
  /** The word under way; undefined between words. */
  word: string | undefined;
  quote: "" | "'" | '"';
  hasVariable: boolean;
  broken: string | undefined;
}

function readSpecial(text: string, number: number): ConfigLine {
  const reading: Reading = {
    text,
    number,
    words: [],
    at: 0,
    word: undefined,
    quote: "",
    hasVariable: false,
    broken: text.includes("\0") ? "it has a NUL character" : undefined,
  };
  while (reading.at < text.length && step(reading));
  if (reading.quote !== "") reading.broken ??= "it has an unmatched quote";
  endWord(reading);
  if (reading.words.length > MOST_WORDS) reading.broken ??= "it has too many words";
  const { words, hasVariable, broken } = reading;
  // What is not understood is kept whole: two such lines are the same only if they are written the same.
  return { number, words: broken === undefined ? words : [words[0] ?? "", text], hasVariable, broken };
}

/** Takes the next character; false at the end of what counts. */
function step(reading: Reading): boolean {
  const { text, quote } = reading;
  const char = text.charAt(reading.at);
  if (isEnd(text, reading.at, quote)) return false;
  if ((char === '"' || char === "'") && (quote === "" || quote === char)) {
    reading.quote = quote === "" ? char : "";
    reading.word ??= "";
    reading.at++;
  } else if (char === "\\" && quote !== "'") takeEscape(reading);
  else if (char === "$" && quote === '"') takeVariable(reading);
  else if (quote === "" && isBlank(char)) {
    endWord(reading);
    reading.at++;
  } else emit(reading, char, 1);
  return true;
}

/** A carriage return ends a line wherever it stands, but for the blanks before the first word. */
function isEnd(text: string, at: number, quote: string): boolean {
  const char = text.charAt(at);
  if (char === "\r") return /[^ \t\v\f\r]/.test(text.slice(0, at));
  return char === "#" && quote === "";
}

function isBlank(char: string): boolean {
  return char === " " || char === "\t" || char === "\v" || char === "\f" || char === "\r";
}

function emit(reading: Reading, chars: string, taken: number): void {
  reading.word = (reading.word ?? "") + chars;
  reading.at += taken;
}

function endWord(reading: Reading): void {
  if (reading.word !== undefined) reading.words.push(reading.word);
  reading.word = undefined;
}

const ESCAPES: Readonly<Record<string, string>> = {
  " ": " ",
  "\\": "\\",
  "#": "#",
  "'": "'",
  '"': '"',
  t: "\t",
  n: "\n",
  r: "\r",
};

function takeEscape(reading: Reading): void {
  const next = reading.text.charAt(reading.at + 1);
  const plain = ESCAPES[next];
  if (plain !== undefined) emit(reading, plain, 2);
  else if (next === "$" && reading.quote === '"') emit(reading, "$", 2);
  else if (next === "x") takeHex(reading);
  else emit(reading, "\\", 1);
}

function takeHex(reading: Reading): void {
  const digits = reading.text.slice(reading.at + 2, reading.at + 4);
  const byte = /^[0-9a-f]{2}$/i.test(digits) ? Number.parseInt(digits, 16) : 0;
  if (byte === 0) reading.broken ??= "it has an invalid \\x escape";
  // A byte above ASCII is no character by itself: "\xe9" is not what "é" is in the file.
  emit(reading, byte < 128 ? String.fromCharCode(byte) : `\0x${byte.toString(16)}`, 4);
}

const VARIABLE = /\$(?:\{(\.?\w+)(?:\[\*\])?(?:-[^}]*)?\}|(\.?\w+))/y;

/** `.LINE` is the one variable whose value changes when the line moves. */
function takeVariable(reading: Reading): void {
  VARIABLE.lastIndex = reading.at;
  const match = VARIABLE.exec(reading.text);
  if (match === null) {
    reading.broken ??= "it has an invalid variable";
    emit(reading, "$", 1);
    return;
  }
  const name = match[1] ?? match[2];
  reading.hasVariable = true;
  emit(reading, `\0${match[0]}${name === ".LINE" ? `=${reading.number}` : ""}`, match[0].length);
}
