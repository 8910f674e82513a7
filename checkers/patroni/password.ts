import { readFile } from "node:fs/promises";
import { AppError } from "../../src/core/errors.ts";

/** Our own side has nothing to log in with: it says nothing about any server. */
export class LoginError extends Error {}
Object.defineProperty(LoginError.prototype, "name", { value: "LoginError", configurable: true });

/** The password for a login that is asked for one. Rejects with a {@link LoginError}, which names the path alone. */
export type ReadPassword = () => Promise<string>;

/** From `--password` or `--password-file`, which is read anew for each login. Throws E_USAGE when both are given. */
export function createPassword(password: string | undefined, file: string | undefined): ReadPassword {
  if (password !== undefined && file !== undefined) {
    throw new AppError("E_USAGE", "the password and --password-file are both given");
  }
  return async () => {
    if (password !== undefined) return password;
    if (file === undefined) throw new LoginError("it asks for a password, and there is none");
    return readPassword(file);
  };
}

async function readPassword(path: string): Promise<string> {
  try {
    // an editor ends a file with a newline; a password with one inside is nobody's
    const [password = ""] = (await readFile(path, "utf8")).split(/\r?\n/, 1);
    return password;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new LoginError(`it asks for a password, and ${path} cannot be read (${code ?? "unknown error"})`, {
      cause: error,
    });
  }
}
