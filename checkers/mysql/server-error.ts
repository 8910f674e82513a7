import { AppError } from "../../src/core/errors.ts";
import type { Verdict } from "../../src/core/verdict.ts";
import { LoginError } from "./login.ts";

/**
 * Server errors that speak of our user and not of the server's health (MySQL 8.4 Server Error Message Reference;
 * MariaDB Error Codes): what to do about each, after the server's own text.
 */
const ABOUT_US: Readonly<Record<number, string>> = {
  1044: "grant it",
  1045: "check the user, the password and the host that its account is for",
  1129: "the server blocks this host: FLUSH HOSTS there, or mariadb-admin flush-hosts",
  1130: "create the user for the host that the checker connects from",
  1142: "grant it",
  1143: "grant it",
  1203: "raise the user's MAX_USER_CONNECTIONS",
  1226: "raise the user's resource limit",
  1227: "grant it",
  1251: "give the user another authentication plugin",
  1370: "grant it",
  1524: "the server has not loaded the plugin that the user is authenticated with",
  1698: "give the user a password",
  1820: "the password has expired: set it anew",
  1862: "the password has expired: set it anew",
  3118: "the account is locked: unlock it",
  3159: "the server wants TLS: set --ssl-ca",
  3955: "the account is locked after failed logins: unlock it",
  4151: "the account is locked: unlock it",
};

/** mysql2's own codes for a login that cannot go on because of how either side is set up. */
const ABOUT_SETUP: ReadonlySet<string> = new Set([
  "AUTH_SWITCH_PLUGIN_ERROR",
  "HANDSHAKE_NO_SSL_SUPPORT",
  "HANDSHAKE_UNKNOWN_ERROR",
]);

/** An error packet of the server. */
interface ServerError extends Error {
  readonly errno: number;
}

/** The number of a server's error; undefined for anything else that was thrown. */
export function serverErrno(error: unknown): number | undefined {
  return isServerError(error) ? error.errno : undefined;
}

/** Whether the server refused because the user may not: 1227 and its kin, after a login that worked. */
export function isDenied(error: unknown): boolean {
  const errno = serverErrno(error);
  return errno !== undefined && [1044, 1142, 1143, 1227, 1370].includes(errno);
}

/** Whether the server answered, though it did not like us: it lives. 1053: it is on its way down. */
export function isAnswered(error: unknown): boolean {
  return isServerError(error) && error.errno !== 1053;
}

/** Trouble of this machine that says nothing about a server: descriptors, memory, ports, a silent name server. */
const OURS: ReadonlySet<string> = new Set([
  "EMFILE",
  "ENFILE",
  "ENOBUFS",
  "ENOMEM",
  "EADDRNOTAVAIL",
  "EACCES",
  "EPERM",
  "EAI_AGAIN",
]);

/** Whether the server cannot be reached: refused, lost, silent. False when the trouble is on our side. */
export function isUnreachable(error: unknown): boolean {
  if (error instanceof AppError) return error.code === "E_TIMEOUT";
  if (error instanceof TypeError || verdictAboutUs(error) !== undefined || isAnswered(error)) return false;
  const code = codeOf(error);
  return code === undefined || !OURS.has(code);
}

/**
 * A verdict for what says nothing about the server's health: refused credentials, a password file that cannot be
 * read, a certificate that cannot be verified. Undefined for all else, which is for the caller to throw.
 * `hint` stands for what the server does not say by itself.
 */
export function verdictAboutUs(error: unknown): Verdict | undefined {
  if (error instanceof LoginError) return { state: "unknown", reason: error.message };
  if (isServerError(error)) {
    const advice = ABOUT_US[error.errno];
    return advice === undefined ? undefined : { state: "unknown", reason: `${shorten(error.message)}; ${advice}` };
  }
  const code = codeOf(error);
  if (!(error instanceof Error) || code === undefined) return undefined;
  if (code === "HANDSHAKE_SSL_ERROR") {
    // mysql2 puts its code over Node's, so that only the text tells a peer that hung up from a bad certificate.
    if (/disconnected|ECONNRESET|EPIPE/i.test(error.message)) return undefined;
    return { state: "unknown", reason: shorten(`TLS: ${error.message}`) };
  }
  return ABOUT_SETUP.has(code) ? { state: "unknown", reason: shorten(`login: ${error.message}`) } : undefined;
}

/** One printable line of at most `most` characters: a reason also goes into HAProxy's agent reply. */
export function shorten(text: string, most = 110): string {
  const line = text.replaceAll(/[^\x20-\x7e]+/g, " ").trim();
  return line.length > most ? `${line.slice(0, most - 3)}...` : line;
}

function isServerError(error: unknown): error is ServerError {
  return error instanceof Error && "sqlState" in error && "errno" in error && typeof error.errno === "number";
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
