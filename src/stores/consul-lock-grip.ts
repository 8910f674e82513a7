import { ABSENT, type Index } from "../core/store.ts";
import type { BoundedCall } from "./consul-client.ts";
import type { KeyAndSession } from "./consul-lock-key.ts";
import type { KvOperation, LockRequests, RawPair } from "./consul-lock-request.ts";

/** What is held: the key, or nothing while there is none. `unknown`: a write was sent and not answered. */
export type GripState = "held" | "nothing" | "unknown";

/** What a session holds of a key, and writes that are done only while it is so. */
export interface Grip {
  readonly state: GripState;
  /** Compares with the key as it is: the loss is told when it contradicts. */
  judge(raw: RawPair | undefined): void;
  /** See `Lock.put`. */
  put(value: string, ifIndex: Index | undefined, call: BoundedCall): Promise<boolean>;
  /** See `Lock.delete`. */
  remove(ifIndex: Index | undefined, call: BoundedCall): Promise<boolean>;
}

/** Whose grip it is, and who is told of its end. */
export interface GripParts extends KeyAndSession {
  readonly requests: LockRequests;
  readonly isOver: () => boolean;
  lose(reason: string): void;
  /** Consul does not know the session any more. */
  sessionGone(): void;
}

/**
 * Each write is one transaction: the session still holds the key, the key has its index, and only then the write.
 * Whoever lost the key without noticing therefore cannot write.
 */
export function createGrip(parts: GripParts, first: GripState): Grip {
  const { key, id, requests, isOver } = parts;
  let state = first;

  function judge(raw: RawPair | undefined): void {
    if (raw?.Session === id) state = "held";
    else if (raw === undefined && state !== "held") state = "nothing";
    else if (!isOver()) parts.lose(lossWords(raw, state));
  }

  async function look(call: BoundedCall): Promise<void> {
    judge(await requests.read(key, call));
  }

  /** What is held now; after a write whose end is not known that has to be looked up. */
  async function current(call: BoundedCall): Promise<GripState | "over"> {
    if (!isOver() && state === "unknown") await look(call);
    return isOver() ? "over" : state;
  }

  async function commit(operations: readonly KvOperation[], next: GripState, call: BoundedCall): Promise<boolean> {
    const before = state;
    state = "unknown";
    const outcome = await requests.commit(operations, call);
    state = outcome.done ? next : before;
    if (outcome.done) return true;
    if (outcome.sessionGone) parts.sessionGone();
    else await look(call);
    return false;
  }

  return {
    get state() {
      return state;
    },
    judge,
    async put(value, ifIndex, call) {
      const present = await current(call);
      if (present === "over") return false;
      const written = { Key: key, Value: Buffer.from(value).toString("base64") };
      if (present === "held" && ifIndex !== ABSENT) {
        const how = ifIndex === undefined ? { Verb: "set" as const } : { Verb: "cas" as const, Index: Number(ifIndex) };
        return commit(
          [
            { Verb: "check-session", Key: key, Session: id },
            { ...written, ...how },
          ],
          "held",
          call,
        );
      }
      if (present === "nothing" && (ifIndex === undefined || ifIndex === ABSENT)) {
        const lock = { ...written, Verb: "lock" as const, Session: id };
        return commit([{ Verb: "check-not-exists", Key: key }, lock], "held", call);
      }
      await look(call);
      return false;
    },
    async remove(ifIndex, call) {
      const present = await current(call);
      if (present === "over") return false;
      if (present === "nothing" || ifIndex === ABSENT) {
        await look(call);
        return !isOver() && state === "nothing";
      }
      const how =
        ifIndex === undefined ? { Verb: "delete" as const } : { Verb: "delete-cas" as const, Index: Number(ifIndex) };
      return commit(
        [
          { Verb: "check-session", Key: key, Session: id },
          { Key: key, ...how },
        ],
        "nothing",
        call,
      );
    },
  };
}

function lossWords(raw: RawPair | undefined, state: GripState): string {
  if (raw === undefined) return "somebody deleted the key";
  if (state === "nothing") return "somebody else was first to create the key";
  return raw.Session === undefined ? "somebody took the lock off the key" : "another session holds the key";
}
