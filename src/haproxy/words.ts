/** A line of a configuration as HAProxy reads it. */
export interface ConfigLine {
  /** From 1. */
  readonly number: number;
  /** Without quotes, escapes and comment; none for a blank line. A variable stands in a word as NUL and its raw text. */
  readonly words: readonly string[];
  /** Whether a word depends on the environment of the process that reads it. */
  readonly hasVariable: boolean;
  /** Why HAProxy refuses the line, or what of it we cannot tell. */
  readonly broken: string | undefined;
}

/** The most words of a line HAProxy takes (its MAX_LINE_ARGS, 2.4 to 3.4). */
const MOST_WORDS = 64;

const SPECIAL = /["'\\#$\r\0]/;
const BLANKS = /[ \t\v\f]+/;

/**
 * Cuts one line, without its line end, into words as HAProxy's parser does (configuration manual 2.2 and 2.3): blanks
 * separate, `'…'` keeps everything, `"…"` lets variables and escapes through, `\` escapes, `#` begins a comment.
 */
export function readLine(text: string, number: number): ConfigLine {
  if (SPECIAL.test(text)) return readSpecial(text, number);
  const words = text.split(BLANKS).filter((word) => word !== "");
  return { number, words, hasVariable: false, broken: words.length > MOST_WORDS ? "it has too many words" : undefined };
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
  return { number, words, hasVariable, broken };
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
  if (char === "\r") return text.slice(0, at).trim() !== "";
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
  if (!/^[0-9a-f]{2}$/i.test(digits) || digits === "00") reading.broken ??= "it has an invalid \\x escape";
  emit(reading, String.fromCharCode(Number.parseInt(digits, 16) || 1), 4);
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
