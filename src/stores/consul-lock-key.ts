import { AppError } from "../core/errors.ts";
import type { BoundedCall } from "./consul-client.ts";
import type { LockRequests } from "./consul-lock-request.ts";

/** A key and the session that takes or leaves it. */
export interface KeyAndSession {
  readonly key: string;
  readonly id: string;
}

/** What came of an attempt; "busy" also when the key was changed meanwhile or Consul bars it for a while. */
export type Taking = "taken" | "busy" | "session gone";

/** More changes of others than this between a read and a write: somebody writes without end. */
const MOST_TRIES = 10;

/**
 * Puts the session on a key whose value stays as it is: the transaction checks that nobody wrote it since it was read.
 * Throws E_STORE_*; whether it was taken is not known then.
 */
export async function takeKey(requests: LockRequests, { key, id }: KeyAndSession, call: BoundedCall): Promise<Taking> {
  const raw = await requests.read(key, call);
  if (raw?.Session === id) return "taken";
  if (raw === undefined || raw.Session !== undefined) return "busy";
  const { Value, Flags, ModifyIndex: Index } = raw;
  const lock = { Verb: "lock", Key: key, Value, Flags, Session: id } as const;
  const outcome = await requests.commit([{ Verb: "check-index", Key: key, Index }, lock], call);
  if (outcome.done) return "taken";
  return outcome.sessionGone ? "session gone" : "busy";
}

/** Takes the session off the key; nothing to do where it is not on it. Throws E_STORE_*. */
export async function freeKey(requests: LockRequests, { key, id }: KeyAndSession, call: BoundedCall): Promise<void> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const raw = await requests.read(key, call);
    if (raw?.Session !== id) return;
    const { Value, Flags, ModifyIndex: Index } = raw;
    // Consul writes the value that comes with it, so it must be the present one.
    const free = { Verb: "unlock", Key: key, Value, Flags, Session: id } as const;
    const outcome = await requests.commit([{ Verb: "check-index", Key: key, Index }, free], call);
    if (outcome.done) return;
  }
  throw new AppError("E_STORE_STALE", `${key} is changed by somebody else again and again`);
}
