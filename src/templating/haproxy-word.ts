/** What ends a line, or cannot stand in a configuration file at all. */
export const CONTROL = /\p{Cc}/u;

/** Everything that HAProxy's tokenizer may read as something else than a part of a word, anywhere in a line. */
const SPECIAL = /[\p{Cc} "#$'[\\]/u;
const EACH_SPECIAL = /[ "#$'[\\]/g;

/** An IPv6 address in brackets, perhaps with a port: at the start of a line HAProxy refuses it, elsewhere it is plain. */
const BRACKETED = /^\[[0-9a-f.]*:[0-9a-f:.]*\](?::\d+)?$/i;

/**
 * One word of a HAProxy configuration, outside quotes or inside double quotes, alone or glued to other text; the
 * empty word is `""`. Undefined when the text cannot be a word because of a control character.
 *
 * The forms are those that HAProxy's `parse_line` reads alike in both places since 2.4 (src/tools.c; the manual's
 * section 2.2): a backslash before space, `\`, `"` and `#`; `\xNN` for `$`, which a backslash protects inside double
 * quotes only, for `[`, which opens a scope at the start of a line, and for `'`, so that not even inside single quotes,
 * where a backslash means nothing, a value gets out of them. What is not ASCII passes byte by byte.
 */
export function haproxyWord(text: string): string | undefined {
  if (!SPECIAL.test(text)) return text === "" ? '""' : text;
  if (CONTROL.test(text)) return undefined;
  return BRACKETED.test(text) ? text : text.replace(EACH_SPECIAL, escaped);
}

function escaped(char: string): string {
  return "$'[".includes(char) ? `\\x${char.charCodeAt(0).toString(16)}` : `\\${char}`;
}
