import type { Verdict } from "../../src/core/verdict.ts";

/** There is nobody, as far as the network can tell (errno names, and the one of getaddrinfo). */
const NOBODY: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "ENOTFOUND",
]);

/** A certificate that is not trusted (OpenSSL's X509_V_ERR_ names, and Node's own code for another name in it). */
const DISTRUST =
  /^(CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_CA$|INVALID_PURPOSE$|PATH_LENGTH_|HOSTNAME_MISMATCH$|ERR_TLS_CERT_)/;

/**
 * The verdict where there was no answer and that does not mean down: a certificate that is not trusted says nothing of
 * the server, and `onRefused` is what it means when nobody is there. Undefined for any other error.
 */
export function troubleVerdict(error: unknown, onRefused: "down" | "drain" | "unknown"): Verdict | undefined {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined) return undefined;
  if (DISTRUST.test(code)) return { state: "unknown", reason: `TLS: ${message}` };
  if (onRefused === "down" || !NOBODY.has(code)) return undefined;
  return { state: onRefused, reason: `nobody is there: ${code}` };
}
