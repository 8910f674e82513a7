/** Every way this program knows to fail; the exit code and whether trying again can help follow from it. */
export type ErrorCode =
  | "E_USAGE"
  | "E_CONFIG"
  | "E_TEMPLATE"
  | "E_MISSING_KEY"
  | "E_GUARD"
  | "E_STORE_UNREACHABLE"
  | "E_STORE_DENIED"
  | "E_STORE_NO_LEADER"
  | "E_STORE_STALE"
  | "E_STORE_INVALID"
  | "E_CHECK_CMD"
  | "E_RELOAD"
  | "E_HAPROXY"
  | "E_FILE"
  | "E_TIMEOUT"
  | "E_INTERNAL";

interface CodeTraits {
  readonly exitCode: 1 | 2;
  readonly retryable: boolean;
}

const TRAITS: Readonly<Record<ErrorCode, CodeTraits>> = {
  E_USAGE: { exitCode: 2, retryable: false },
  E_CONFIG: { exitCode: 2, retryable: false },
  E_TEMPLATE: { exitCode: 1, retryable: false },
  E_MISSING_KEY: { exitCode: 1, retryable: false },
  E_GUARD: { exitCode: 1, retryable: false },
  E_STORE_UNREACHABLE: { exitCode: 1, retryable: true },
  E_STORE_DENIED: { exitCode: 1, retryable: true },
  E_STORE_NO_LEADER: { exitCode: 1, retryable: true },
  E_STORE_STALE: { exitCode: 1, retryable: true },
  E_STORE_INVALID: { exitCode: 1, retryable: true },
  E_CHECK_CMD: { exitCode: 1, retryable: false },
  E_RELOAD: { exitCode: 1, retryable: true },
  E_HAPROXY: { exitCode: 1, retryable: true },
  E_FILE: { exitCode: 1, retryable: true },
  E_TIMEOUT: { exitCode: 1, retryable: true },
  E_INTERNAL: { exitCode: 1, retryable: false },
};

/** Options of an {@link AppError}. */
export interface AppErrorOptions {
  readonly cause?: unknown;
  /** What the reader can do about it, in one sentence. */
  readonly hint?: string;
}

/** The one error type that crosses a layer: branch on `code`, never on the text. Messages hold no secrets. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }

  /** 1: it failed; 2: wrong usage or configuration. */
  get exitCode(): 1 | 2 {
    return TRAITS[this.code].exitCode;
  }

  /** Whether the same call may succeed later with nothing changed on our side. */
  get retryable(): boolean {
    return TRAITS[this.code].retryable;
  }
}
Object.defineProperty(AppError.prototype, "name", { value: "AppError", configurable: true });

/** True when `error` is there only because `signal` told the work to stop: never logged as an error. */
export function isAbort(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted && (error === signal.reason || (error instanceof Error && error.name === "AbortError"));
}

/** Why something is done otherwise: an AppError's message without its causes, and what the reader can do about it. */
export function errorReason(error: unknown): string {
  if (!(error instanceof AppError)) return errorText(error);
  return error.hint === undefined ? error.message : `${error.message} (${error.hint})`;
}

/** The message of anything thrown, with the messages of its causes behind it: `a: b: c`. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const text = error.message || error.name;
  return error.cause === undefined ? text : `${text}: ${errorText(error.cause)}`;
}
