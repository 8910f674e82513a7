import type { Probe } from "../core/checker.ts";
import { AppError, errorText } from "../core/errors.ts";
import type { Verdict } from "../core/verdict.ts";
import { withDeadline } from "../lib/deadline.ts";

/** Of Node's system errors (errno names, and those of getaddrinfo): what they say about the target. */
const DOWN: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  ECONNABORTED: "connection aborted",
  EPIPE: "connection closed",
  ETIMEDOUT: "connection timed out",
  EHOSTUNREACH: "no route to host",
  EHOSTDOWN: "host is down",
  ENETUNREACH: "network is unreachable",
  ENETDOWN: "network is down",
  ENOTFOUND: "host name not found",
};

/** Trouble on our own side, which says nothing about the target. */
const UNKNOWN: Readonly<Record<string, string>> = {
  EAI_AGAIN: "no name server answers",
  EMFILE: "too many open files here",
  ENFILE: "too many open files on this machine",
  ENOBUFS: "no buffers left on this machine",
  ENOMEM: "no memory left on this machine",
  EADDRNOTAVAIL: "no local port left for the connection",
  EACCES: "not allowed to connect from here",
  EPERM: "not allowed to connect from here",
};

const LONGEST_REASON = 160;

/**
 * Asks once, within `timeoutMs`. This is the one place where a throw becomes a verdict; it rejects only when
 * `signal` aborts, with the signal's reason.
 */
export function ask(probe: Probe, timeoutMs: number, signal: AbortSignal): Promise<Verdict> {
  return judge((inner) => probe.check({ signal: inner, timeoutMs }), timeoutMs, signal);
}

/** As {@link ask}, with the cheap question; undefined: it answered, which says that it lives and nothing more. */
export function askPing(
  ping: NonNullable<Probe["ping"]>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Verdict | undefined> {
  return judge((inner) => ping({ signal: inner, timeoutMs }).then(() => undefined), timeoutMs, signal);
}

async function judge<T>(
  question: (signal: AbortSignal) => Promise<T>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<T | Verdict> {
  try {
    return await withDeadline("the probe", timeoutMs, signal, question);
  } catch (error) {
    // Stopping: a driver may word it in its own way.
    if (signal.aborted) throw signal.reason;
    return toVerdict(error, timeoutMs);
  }
}

function toVerdict(error: unknown, timeoutMs: number): Verdict {
  if (error instanceof AppError && error.code === "E_TIMEOUT") {
    return { state: "down", reason: `no answer within ${timeoutMs} ms` };
  }
  const code = systemCode(error);
  if (code !== undefined) {
    const ours = UNKNOWN[code];
    return ours === undefined ? { state: "down", reason: DOWN[code] ?? code } : { state: "unknown", reason: ours };
  }
  // A bug of ours or of a driver must not move anybody's traffic.
  if (isBug(error)) return { state: "unknown", reason: oneLine(`internal error: ${errorText(error)}`) };
  return { state: "down", reason: oneLine(errorText(error)) };
}

function isBug(error: unknown): boolean {
  if (error instanceof AppError) return error.code === "E_INTERNAL";
  return error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;
}

/** The code of the error or of its causes; of an AggregateError (several addresses tried), of the first. */
function systemCode(error: unknown): string | undefined {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; depth++) {
    const { code } = at as NodeJS.ErrnoException;
    if (typeof code === "string" && (code in DOWN || code in UNKNOWN)) return code;
    at = at instanceof AggregateError && at.errors.length > 0 ? at.errors[0] : at.cause;
  }
  return undefined;
}

/** One short printable line: the reason also goes into logs and into HAProxy's agent reply. */
function oneLine(text: string): string {
  const line = text.replaceAll(/[^\x20-\x7e]+/g, " ").trim();
  return line.length > LONGEST_REASON ? `${line.slice(0, LONGEST_REASON - 3)}...` : line;
}
