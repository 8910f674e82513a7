import { type BigIntStats, readFileSync, statSync } from "node:fs";
import { AppError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";

/** Where the token of the next request comes from. */
export interface TokenSource {
  /** The token, or undefined for none; reads the file again when it has changed. */
  current(): string | undefined;
  /** Reads the file whatever its times say; true when the token is another one now. */
  refresh(): boolean;
}

/** The part of the options that says who we are. */
export interface TokenOptions {
  readonly token?: string;
  readonly tokenFile?: string;
}

/** Throws E_CONFIG when the file cannot be read, or when the token cannot be one. */
export function createTokenSource(options: TokenOptions, logger: Logger): TokenSource {
  if (options.tokenFile !== undefined) return createFileToken(options.tokenFile, logger);
  const token = options.token === undefined ? undefined : cleanToken(options.token, "the token");
  return { current: () => token, refresh: () => false };
}

function createFileToken(path: string, logger: Logger): TokenSource {
  let seen = fingerprint(statSync(readable(path), { bigint: true }));
  let token = readToken(path);
  let complained = false;
  const reread = (): boolean => {
    const before = token;
    try {
      seen = fingerprint(statSync(path, { bigint: true }));
      token = readToken(path);
      complained = false;
    } catch (error) {
      // Whoever rotates the file may not replace it in one step: the old token is the best there is.
      if (!complained) logger.warn("the token file cannot be read, the last token is kept", { err: String(error) });
      complained = true;
    }
    return token !== before;
  };
  return {
    current() {
      const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
      if (stats === undefined || fingerprint(stats) !== seen) reread();
      return token;
    },
    refresh: reread,
  };
}

function fingerprint(stats: BigIntStats): string {
  return `${stats.ino} ${stats.size} ${stats.mtimeNs}`;
}

function readable(path: string): string {
  readToken(path);
  return path;
}

function readToken(path: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new AppError("E_CONFIG", `the token file ${path} cannot be read`, {
      cause: error,
      hint: "check --token-file (or CONSUL_HTTP_TOKEN_FILE) and the rights of the file",
    });
  }
  return cleanToken(text, `the token file ${path}`);
}

/** A header takes visible ASCII; anything else was pasted by mistake. The token itself is never shown. */
function cleanToken(text: string, where: string): string | undefined {
  const token = text.trim();
  if (token === "") return undefined;
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new AppError("E_CONFIG", `${where} holds something that is not a token: it has blanks or control characters`);
}
