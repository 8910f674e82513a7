import { errorText } from "../../src/core/errors.ts";
import type { Verdict } from "../../src/core/verdict.ts";
import { isReplyError, type Reply } from "./resp.ts";

/** Why a server did not answer what was asked, as a verdict: its own trouble, or ours (`unknown`). */
export type Problem = Verdict & { readonly state: "down" | "unknown" };

/** The word an error begins with, what follows from it, and what to say (redis.io, "RESP errors"; redis/src/server.c). */
const BY_CODE: Readonly<Record<string, Problem>> = {
  LOADING: { state: "down", reason: "is loading its data set" },
  BUSY: { state: "down", reason: "is busy with a script (BUSY)" },
  MISCONF: { state: "down", reason: "refuses writes: it cannot save its data set to disk (MISCONF)" },
  MASTERDOWN: { state: "down", reason: "is a replica whose link to the master is down (MASTERDOWN)" },
  NOAUTH: { state: "unknown", reason: "wants a password (NOAUTH)" },
  WRONGPASS: { state: "unknown", reason: "refuses the user or the password (WRONGPASS)" },
  DENIED: { state: "unknown", reason: "is in protected mode: it answers only its own machine (DENIED)" },
};

/** Without a code of their own (`ERR …`). */
const BY_TEXT: readonly (readonly [begins: string, Problem])[] = [
  ["ERR max number of clients", { state: "down", reason: "has reached its maxclients" }],
  ["ERR invalid password", { state: "unknown", reason: "refuses the password" }],
];

/** Errors that come instead of an answer, with the connection closed behind them. */
const UNASKED = /^(DENIED|ERR max number of clients) /;

/** A server that has no password was given one: harmless, whoever asks is let in. */
const NEEDLESS_LOGIN = /^ERR (AUTH <password> called without any password|Client sent AUTH, but no password is set)/;

/** The problem that the reply to `command` tells of; undefined for an answer. */
export function problemIn(command: string, reply: Reply | undefined): Problem | undefined {
  if (!isReplyError(reply)) return undefined;
  const { error } = reply;
  const code = error.split(" ", 1)[0] ?? "";
  const known = BY_CODE[code] ?? BY_TEXT.find(([begins]) => error.startsWith(begins))?.[1];
  if (known !== undefined) return known;
  if (code === "NOPERM") return denied(command);
  if (error.startsWith("ERR unknown command")) return { state: "unknown", reason: `does not know ${command}` };
  return { state: "down", reason: oneLine(`${command}: ${error}`) };
}

const LONGEST_REASON = 160;

/** What a server has said, as it may stand in a log and in HAProxy's agent reply: one short printable line. */
export function oneLine(text: string): string {
  const line = text
    .replaceAll(/[^\x20-\x7e]+/g, " ")
    .replaceAll(/ {2,}/g, " ")
    .trim();
  return line.length > LONGEST_REASON ? `${line.slice(0, LONGEST_REASON - 3)}...` : line;
}

/** What to grant is told as it stands in a rule of Redis's ACL. */
function denied(command: string): Problem {
  const channel = command === "SUBSCRIBE" ? " &+switch-master" : "";
  const rule = `+${command.toLowerCase().replace(" ", "|")}${channel}`;
  return { state: "unknown", reason: `does not let this user run ${command} (NOPERM): ACL SETUSER <user> ${rule}` };
}

/** The problem that the reply to AUTH tells of: never one of the server. */
export function loginProblem(reply: Reply | undefined): Problem | undefined {
  if (!isReplyError(reply) || NEEDLESS_LOGIN.test(reply.error)) return undefined;
  const problem = problemIn("AUTH", reply);
  return problem?.state === "unknown" ? problem : { state: "unknown", reason: oneLine(`AUTH: ${reply.error}`) };
}

/** The problem of a server that sent one error in place of all answers. */
export function unaskedProblem(reply: Reply | undefined): Problem | undefined {
  return isReplyError(reply) && UNASKED.test(reply.error) ? problemIn("connecting", reply) : undefined;
}

/** Certificates and protocol versions (OpenSSL's X509_V_ERR_ names, and Node's own codes). */
const TLS_CODES =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|EPROTO$|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_CA$|INVALID_PURPOSE$|PATH_LENGTH_|HOSTNAME_MISMATCH$)/;

/**
 * The problem when no trusted connection comes about: of the certificates and how they are configured, so nothing is
 * known about the server. Undefined for any other error.
 */
export function tlsProblem(error: unknown): Problem | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, reason } = error as NodeJS.ErrnoException & { readonly reason?: unknown };
  if (code === undefined || !TLS_CODES.test(code)) return undefined;
  return { state: "unknown", reason: oneLine(`TLS: ${typeof reason === "string" ? reason : errorText(error)}`) };
}
