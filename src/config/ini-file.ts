import { readFileSync } from "node:fs";
import { AppError } from "../core/errors.ts";

/** The sections of an ini file, by name, and what each says. */
export type IniSections = ReadonlyMap<string, Readonly<Record<string, string>>>;

/** Reads and parses an ini file. Throws E_CONFIG that names the file and the line, but never what stands there. */
export function readIniFile(file: string): IniSections {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new AppError("E_CONFIG", `cannot read ${file}`, { cause: error });
  }
  return parseIni(text, file);
}

/**
 * Parses ini as Perl's Config::IniFiles 3.000003 does with its defaults, so that a db.conf of the replaced checkers
 * means what it meant: a comment is a whole line that begins with `#` or `;`; everything behind the first `=` is the
 * value, with its `#`, `;`, `=`, quotes and backslashes and with spaces at its end (those in front are dropped);
 * sections of one name are one section. Stricter than it: a key that stands twice in a section is an error.
 */
export function parseIni(text: string, file: string): IniSections {
  const sections = new Map<string, Record<string, string>>();
  let section: Record<string, string> | undefined;
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*([#;]|$)/.test(line)) continue;
    const malformed = (problem: string) => new AppError("E_CONFIG", `${file}:${at + 1}: ${problem}`);
    const name = /^\s*\[\s*(\S|\S.*\S)\s*\]\s*$/.exec(line)?.[1];
    if (name !== undefined) {
      section = sections.get(name) ?? {};
      sections.set(name, section);
      continue;
    }
    const [, key, value] = /^\s*([^=]*?[^=\s])\s*=\s*(.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined) {
      throw malformed("neither a [section] nor a key = value nor a comment");
    }
    if (section === undefined) throw malformed(`"${key}" stands before the first [section]`);
    if (Object.hasOwn(section, key)) throw malformed(`"${key}" stands twice in its section`);
    section[key] = value;
  }
  return sections;
}
