import { AppError, errorText } from "../../src/core/errors.ts";
import type { Verdict } from "../../src/core/verdict.ts";
import { LoginError } from "./password.ts";
import { readRefusal } from "./refusal.ts";

/** Why there is no connection, in words (errno names, and those of getaddrinfo). */
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  EPIPE: "connection closed",
  ETIMEDOUT: "connection timed out",
  EHOSTUNREACH: "no route to host",
  ENETUNREACH: "network is unreachable",
  ENOTFOUND: "host name not found",
};

/** Trouble on our own side (errno names), or a certificate that is not trusted (OpenSSL's and Node's codes). */
const OURS =
  /^(EAI_AGAIN|EMFILE|ENFILE|ENOBUFS|ENOMEM|EADDRNOTAVAIL|EACCES|EPERM|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_CERT_)/;

/** SQLSTATE: five characters, never an errno name (PostgreSQL, "Error Codes"). */
const SQLSTATE = /^[0-9A-Z]{5}$/;

/** A bug, of ours or a driver's, that is not to be taken for the server's trouble. */
export function isBug(error: unknown): boolean {
  return error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;
}

/** The verdict for a question that failed, told with who was asked. The server's messages name users, never passwords. */
export function troubleVerdict(who: string, error: unknown, timeoutMs: number): Verdict {
  if (error instanceof AppError && error.code === "E_TIMEOUT") {
    return { state: "down", reason: `${who}: no answer within ${timeoutMs} ms` };
  }
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const text = WORDS[code] ?? errorText(error);
  if (OURS.test(code) || error instanceof LoginError) return { state: "unknown", reason: `${who}: ${text}` };
  const refusal = SQLSTATE.test(code) ? readRefusal({ code, message: text }) : undefined;
  if (refusal === undefined || refusal.about === "server") return { state: "down", reason: `${who}: ${text}` };
  return { state: "unknown", reason: `${who}: ${text}; ${refusal.advice}` };
}
