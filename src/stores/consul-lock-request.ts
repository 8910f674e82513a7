import { AppError } from "../core/errors.ts";
import type { BoundedCall, ConsulClient, ConsulRequest } from "./consul-client.ts";
import { invalidAnswer } from "./consul-errors.ts";
import { checkLeader, keyPath } from "./consul-prefix.ts";
import type { HttpReply } from "./consul-transport.ts";

/** Consul for sessions and the keys they hold: the rights that are missing are named as those that it takes. */
export interface LockRequests {
  /** As {@link ConsulClient.send}. */
  send(request: ConsulRequest, call: BoundedCall): Promise<HttpReply>;
  /** The key as the cluster has it now, never from a server that was cut off; undefined when there is none. */
  read(key: string, call: BoundedCall): Promise<RawPair | undefined>;
  /** All of it, or nothing and why. Sent again nowhere once it may have arrived. */
  commit(operations: readonly KvOperation[], call: BoundedCall): Promise<Commit>;
}

/** A key as Consul's API shows it (HTTP API, "Read Key"). */
export interface RawPair {
  /** Base64; null for an empty value. */
  readonly Value: string | null;
  readonly Flags: number;
  readonly ModifyIndex: number;
  /** Missing while no session holds it. */
  readonly Session?: string;
}

/** A step of a transaction (HTTP API, "Create Transaction"); verbs that Consul 1.8 knows. */
export interface KvOperation {
  readonly Verb:
    | "check-session"
    | "check-index"
    | "check-not-exists"
    | "lock"
    | "unlock"
    | "set"
    | "cas"
    | "delete"
    | "delete-cas";
  readonly Key: string;
  readonly Value?: string | null;
  readonly Flags?: number;
  readonly Index?: number;
  readonly Session?: string;
}

/** What became of a transaction. */
export type Commit = { readonly done: true } | { readonly done: false; readonly sessionGone: boolean };

/** Consul's words, with status 409, when a step needs a session that it does not know. */
const NO_SESSION = /^invalid session/i;

const DENIED_HINT =
  'to hold a key takes key_prefix "haproxy/" { policy = "write" } and session_prefix "" { policy = "write" }, ' +
  'or session "NODE" { policy = "write" } with the name of the node whose agent is asked';

/** `scope` are the query words of every request, such as the datacenter. */
export function createLockRequests(client: ConsulClient, scope: readonly string[]): LockRequests {
  const query = scope.length === 0 ? "" : `?${scope.join("&")}`;
  const send = async (request: ConsulRequest, call: BoundedCall) => {
    try {
      return await client.send(request, call);
    } catch (error) {
      throw named(error);
    }
  };
  return {
    send,
    async read(key, call) {
      const path = keyPath(key, [...scope, "consistent"]);
      const reply = await send({ method: "GET", path, repeatable: true }, call);
      if (reply.status !== 404) return rawPair(reply);
      checkLeader(reply);
      return undefined;
    },
    async commit(operations, call) {
      const body = JSON.stringify(operations.map((KV) => ({ KV })));
      const request = { method: "PUT", path: `/v1/txn${query}`, body, repeatable: false, refusal: 409 } as const;
      const reply = await send(request, call);
      return reply.status === 409 ? refusal(reply) : { done: true };
    },
  };
}

/** A denied session, renewal or key: one error for a person to act on. A token that is not known is another matter. */
function named(error: unknown): unknown {
  if (!(error instanceof AppError) || error.code !== "E_STORE_DENIED" || /ACL not found/.test(error.message)) {
    return error;
  }
  return new AppError("E_STORE_DENIED", error.message, { hint: DENIED_HINT, cause: error.cause });
}

function refusal(reply: HttpReply): Commit {
  const { Errors: errors } = parse(reply) as { Errors?: unknown };
  if (!Array.isArray(errors) || errors.length === 0) throw invalidAnswer("to a transaction says not what failed");
  const said = errors.map((error: { What?: unknown }) => String(error?.What));
  const denied = said.find((what) => /permission denied/i.test(what));
  if (denied !== undefined)
    throw new AppError("E_STORE_DENIED", `Consul denies to hold the key: ${denied}`, { hint: DENIED_HINT });
  return { done: false, sessionGone: said.some((what) => NO_SESSION.test(what)) };
}

function rawPair(reply: HttpReply): RawPair {
  const list = parse(reply);
  const [raw] = Array.isArray(list) ? (list as Partial<RawPair>[]) : [];
  if (raw === undefined || !Number.isSafeInteger(raw.ModifyIndex)) throw invalidAnswer("is not a key with its value");
  return raw as RawPair;
}

/** Throws E_STORE_INVALID for what is not JSON. */
export function parse(reply: HttpReply): unknown {
  try {
    return JSON.parse(reply.body.toString("utf8"));
  } catch {
    // the message of JSON.parse would quote what it read
    throw invalidAnswer("is not JSON");
  }
}
