import { AppError } from "../core/errors.ts";
import type { OptionSpec } from "../core/option.ts";
import { readIniFile } from "./ini-file.ts";
import { type FileValues, rejectUnknown } from "./resolve.ts";

/** In the sample of the replaced checker's db.conf, for the Perl driver; they mean nothing here and do no harm. */
const IGNORED_KEYS = ["database", "default-character-set"];

/**
 * A kind's own options from the section of an ini file that is named by the tag (`--conf`). Throws E_CONFIG for a file
 * that cannot be read, for a section that is not there, with those that are, and for a key that is no option.
 */
export function readConfSection(file: string, tag: string, options: readonly OptionSpec[]): FileValues {
  const sections = readIniFile(file);
  const section = sections.get(tag);
  if (section === undefined) {
    const names = [...sections.keys()];
    throw new AppError("E_CONFIG", `${file} has no section [${tag}]`, {
      hint: names.length === 0 ? "it has no section at all" : `there are: ${names.join(", ")}`,
    });
  }
  const secrets = options.filter(({ secret }) => secret).map(({ name }) => name);
  const values: Record<string, string> = {};
  for (const [key, value] of Object.entries(section)) {
    if (IGNORED_KEYS.includes(key) && !options.some(({ name }) => name === key)) continue;
    // a password may end in a space, a host name that does is a slip of the pen
    values[key] = secrets.includes(key.replaceAll("_", "-")) ? value : value.trimEnd();
  }
  const found = { name: `${file}: [${tag}]`, values };
  rejectUnknown(options, found);
  return found;
}
