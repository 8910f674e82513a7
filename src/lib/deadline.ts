import { AppError } from "../core/errors.ts";

/**
 * Runs `work` with a signal that aborts when the outer signal does or after `ms`, whichever comes first,
 * and rejects at that moment even if `work` ignores its signal. A deadline that passes is an E_TIMEOUT
 * that names `what`. Composed by hand because `AbortSignal.any` on a long-lived signal leaks one dependant
 * per call on Node 20 (nodejs/node#54614); the listener is always taken off.
 */
export async function withDeadline<T>(
  what: string,
  ms: number,
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  outer.throwIfAborted();
  const controller = new AbortController();
  let rejectRace: (reason: unknown) => void = () => {};
  const race = new Promise<never>((_, reject) => {
    rejectRace = reject;
  });
  const end = (reason: unknown) => {
    controller.abort(reason);
    rejectRace(reason);
  };
  const onAbort = () => end(outer.reason);
  const timer = setTimeout(() => end(new AppError("E_TIMEOUT", `${what} took longer than ${ms} ms`)), ms);
  outer.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work(controller.signal), race]);
  } finally {
    clearTimeout(timer);
    outer.removeEventListener("abort", onAbort);
  }
}
