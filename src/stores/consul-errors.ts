import { AppError } from "../core/errors.ts";
import { targetName } from "../core/targets.ts";
import type { Address, HttpReply } from "./consul-transport.ts";

/** What the reader can do, by the code of Node's error. */
const HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there: is Consul running, and is this its HTTP port (--consul, CONSUL_HTTP_ADDR)?",
  ENOTFOUND: "the host name is not known here: check --consul and the name server",
  EAI_AGAIN: "the name server does not answer: use an IP address in --consul, or repair name resolution",
  EHOSTUNREACH: "there is no way to that host: check the network",
  ENETUNREACH: "there is no way to that network: check the routes",
  ETIMEDOUT: "the packets are lost on the way: check the network and the firewall",
  ECONNRESET: "the connection was cut: Consul was stopped or restarted, or something between cut it",
  EPROTO: "that is not TLS: is this Consul's HTTPS port, and not the HTTP one?",
  ERR_SSL_WRONG_VERSION_NUMBER: "that is not TLS: is this Consul's HTTPS port, and not the HTTP one?",
  ERR_TLS_CERT_ALTNAME_INVALID: "the certificate is for another name: give that name with --tls-server-name",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the certificate's issuer is not known: give its CA with --ca-file",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the certificate's issuer is not known: give its CA with --ca-file",
  SELF_SIGNED_CERT_IN_CHAIN: "the certificate's issuer is not known: give its CA with --ca-file",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the certificate is signed by itself: give it with --ca-file",
  CERT_HAS_EXPIRED: "Consul's certificate has expired: renew it",
  ERR_SSL_TLSV1_ALERT_BAD_CERTIFICATE: "Consul wants a client certificate: give --cert-file and --key-file",
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: "Consul wants a client certificate: give --cert-file and --key-file",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "Consul wants a client certificate: give --cert-file and --key-file",
};

/** What Consul 1.8 says, with status 500, when it finds no leader, cannot reach it, or loses it meanwhile. */
const LEADERLESS = /No cluster leader|No known Consul servers|rpc error|leadership lost|node is not the leader/i;
/** Those of them that come before anything was sent on: nothing can have been written. */
const NEVER_SENT_ON = /No cluster leader|No known Consul servers/i;

/** What Consul 1.8 says, with status 500, when it makes no session. */
const SESSION_HINTS: readonly (readonly [RegExp, string])[] = [
  [/^Missing check /, "a session needs this check on the node of the agent that is asked: see --ha-check"],
  [
    /^Check .* is in critical state/,
    "while this check fails, this node may hold no lock: see --ha-check and /v1/health/state",
  ],
  [/^Invalid Session TTL/, "this Consul's session_ttl_min is above the 10s that a lock of ours is made with"],
  [/^Missing node registration/, "locks work in the agent's own datacenter only, and on an agent that has joined"],
];

const HANG_HINT = "the agent hangs or the packets are lost: try `curl http://HOST:PORT/v1/status/leader` from here";

/** Node's error, or the deadline's, in the store's words. An error that is ours already stays as it is. */
export function connectionError(address: Address, error: unknown): AppError {
  const where = `Consul at ${targetName(address)}`;
  if (error instanceof AppError) {
    if (error.code !== "E_TIMEOUT") return error;
    return new AppError("E_STORE_UNREACHABLE", `${where} did not answer in time`, { cause: error, hint: HANG_HINT });
  }
  const code = errnoOf(error);
  if (code.startsWith("Z_") || code === "ERR_BUFFER_TOO_LARGE" || code.startsWith("HPE_")) {
    return new AppError("E_STORE_INVALID", `${where} answered with something that is not HTTP as we know it`, {
      cause: error,
      hint: "is something else listening on this port, or a proxy in between?",
    });
  }
  const hint = HINTS[code];
  return new AppError("E_STORE_UNREACHABLE", `${where} cannot be reached`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Whether the request surely never reached Consul, so that even a check-and-set may be sent elsewhere. */
export function neverArrived(error: unknown): boolean {
  return ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"].includes(errnoOf(error));
}

/** Whether an answer says that Consul surely did nothing, so that even a check-and-set may be sent elsewhere. */
export function neverDone(reply: HttpReply): boolean {
  return reply.status >= 500 && NEVER_SENT_ON.test(firstLine(reply.body));
}

/** The error that an answer's status and text stand for, or undefined for an answer to work with (200, 404). */
export function replyError(address: Address, reply: HttpReply): AppError | undefined {
  const { status } = reply;
  if (status === 200 || status === 404) return undefined;
  const where = `Consul at ${targetName(address)}`;
  const said = firstLine(reply.body);
  if (status === 403) return deniedError(where, said);
  if (status === 413) return tooLarge(said);
  if (status >= 500) return serverError(where, status, said);
  return new AppError("E_STORE_INVALID", `${where} answered ${status}: ${said}`, {
    hint: badRequestHint(status, said),
  });
}

/** The error for an answer of Consul's that is not what its documentation promises. */
export function invalidAnswer(what: string, cause?: unknown): AppError {
  return new AppError("E_STORE_INVALID", `Consul's answer ${what}`, {
    ...(cause === undefined ? {} : { cause }),
    hint: "is this address really Consul's HTTP API, with no proxy in between that changes answers?",
  });
}

function deniedError(where: string, said: string): AppError {
  if (/ACL not found/i.test(said)) {
    return new AppError("E_STORE_DENIED", `${where} does not know this token (ACL not found)`, {
      hint: "the token was deleted, mistyped, or belongs to another Consul: check --token or --token-file",
    });
  }
  return new AppError("E_STORE_DENIED", `${where} denies permission: ${said}`, {
    hint: `the token needs a policy such as: key_prefix "haproxy/" { policy = "read" } ("write" for checkers)`,
  });
}

function tooLarge(said: string): AppError {
  return new AppError("E_STORE_INVALID", `the value is too large for Consul: ${said}`, {
    hint: "Consul takes 512 KiB per value unless limits.kv_max_value_size says otherwise",
  });
}

function serverError(where: string, status: number, said: string): AppError {
  if (/No path to datacenter/i.test(said)) {
    const hint = "check --datacenter: this Consul knows no datacenter of that name";
    return new AppError("E_STORE_UNREACHABLE", `${where} answered ${status}: ${said}`, { hint });
  }
  if (LEADERLESS.test(said)) {
    return new AppError("E_STORE_NO_LEADER", `${where} has no cluster leader: ${said}`, {
      hint: "the servers are electing one, or more than half of them are gone: see `consul operator raft list-peers`",
    });
  }
  const session = SESSION_HINTS.find(([words]) => words.test(said))?.[1];
  return new AppError("E_STORE_UNREACHABLE", `${where} answered ${status}: ${said}`, {
    hint: session ?? "look into Consul's own log",
  });
}

function badRequestHint(status: number, said: string): string {
  if (/HTTP request to an HTTPS server/i.test(said)) return "this port speaks TLS: use --ca-file or CONSUL_HTTP_SSL";
  if (/namespace/i.test(said)) return "--namespace works with Consul Enterprise only";
  return status === 429 ? "Consul limits the rate of requests" : "look into Consul's own log";
}

function firstLine(body: Buffer): string {
  const [line = ""] = body.toString("utf8", 0, 200).trim().split("\n");
  // Whatever answers there may send anything: one printable line is all that reaches a log.
  return line.replace(/[^\x20-\x7e]/g, "?") || "(nothing)";
}

function errnoOf(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return code ?? "";
}
