import { readFile } from "node:fs/promises";
import { AppError } from "../../src/core/errors.ts";
import type { OptionValues } from "../../src/core/option.ts";

/** What a server is told before it answers a query. */
export interface Login {
  readonly user: string;
  readonly password: string;
  /** Undefined: without TLS. */
  readonly ssl: Ssl | undefined;
}

/** As mysql2 takes it. The same object as long as the files are the same: it holds mysql2's cache of what they parse to. */
export interface Ssl {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized: true;
  /** The certificate must name the host. */
  readonly verifyIdentity: boolean;
}

/** Reads the login anew for each connection, so that a password or a certificate can be changed under way. */
export type ReadLogin = () => Promise<Login>;

/** Our own side cannot log in anywhere: it says nothing about any server. */
export class LoginError extends Error {}
Object.defineProperty(LoginError.prototype, "name", { value: "LoginError", configurable: true });

/**
 * From the options `user`, `password`, `password-file`, `ssl-ca`, `ssl-cert`, `ssl-key`, `ssl-verify`. Throws E_USAGE
 * for what makes no sense together; the function it returns rejects with a {@link LoginError} for a file that
 * cannot be read. Messages name paths, never contents.
 */
export function createLogin(options: OptionValues): ReadLogin {
  const user = text(options, "user");
  if (user === undefined) throw new AppError("E_USAGE", "--user must name the user that the checker logs in as");
  const passwordFile = text(options, "password-file");
  const password = text(options, "password");
  const readSsl = createSsl(options);
  return async () => ({
    user,
    password: passwordFile === undefined ? (password ?? "") : await readPassword(passwordFile),
    ssl: await readSsl(),
  });
}

function createSsl(options: OptionValues): () => Promise<Ssl | undefined> {
  const ca = text(options, "ssl-ca");
  const cert = text(options, "ssl-cert");
  const key = text(options, "ssl-key");
  if ((cert === undefined) !== (key === undefined)) {
    throw new AppError("E_USAGE", "--ssl-cert and --ssl-key only make sense together");
  }
  if (ca === undefined) {
    if (cert === undefined) return async () => undefined;
    throw new AppError("E_USAGE", "--ssl-cert needs --ssl-ca", {
      hint: "name the CA that signed the servers' certificates",
    });
  }
  const verifyIdentity = options["ssl-verify"] !== false;
  let last: Ssl | undefined;
  return async () => {
    const [caText, certText, keyText] = await Promise.all([read(ca), readIfNamed(cert), readIfNamed(key)]);
    if (last?.ca === caText && last.cert === certText && last.key === keyText) return last;
    last = { ca: caText, ...pair(certText, keyText), rejectUnauthorized: true, verifyIdentity };
    return last;
  };
}

function pair(
  cert: string | undefined,
  key: string | undefined,
): { cert: string; key: string } | Record<string, never> {
  return cert === undefined || key === undefined ? {} : { cert, key };
}

async function readPassword(path: string): Promise<string> {
  // An editor ends a file with a newline; a password with one inside is nobody's.
  return (await read(path)).replace(/\r?\n$/, "");
}

async function readIfNamed(path: string | undefined): Promise<string | undefined> {
  return path === undefined ? undefined : read(path);
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new LoginError(`${path} cannot be read (${code ?? "unknown error"})`, { cause: error });
  }
}

function text(options: OptionValues, name: string): string | undefined {
  const value = options[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}
