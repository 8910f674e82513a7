/** What PostgreSQL must say to `pg_is_in_recovery()` for a health check of Patroni to be right; undefined: either. */
const RECOVERY: Readonly<Record<string, boolean | undefined>> = {
  primary: false,
  master: false,
  "read-write": false,
  leader: undefined,
  "standby-leader": true,
  standby_leader: true,
  replica: true,
  synchronous: true,
  sync: true,
  quorum: true,
  asynchronous: true,
  async: true,
  "read-only": undefined,
  "read-only-sync": undefined,
  "read-only-synchronous": undefined,
  "read-only-quorum": undefined,
  health: undefined,
  liveness: undefined,
  readiness: undefined,
};

/** Of these there is one at a time in a cluster (Patroni, "REST API", health check endpoints). */
const SINGLE: readonly string[] = ["primary", "master", "read-write", "leader", "standby-leader", "standby_leader"];

/** What is asked of Patroni: `primary`, `replica?lag=1MB`. */
export interface WantedRole {
  /** As it stands in the URL, without the slash. */
  readonly endpoint: string;
  readonly inRecovery: boolean | undefined;
  /** Only one server can rightly have it. */
  readonly isSingle: boolean;
  /** False: no version that we have read knows it, and Patroni answers 503 to what it does not know. */
  readonly isKnown: boolean;
}

/** Reads the word of `--patroni-healthcheck`; undefined for what cannot be a path. */
export function parseRole(text: string): WantedRole | undefined {
  const endpoint = text.trim().replace(/^\/+/, "");
  if (!/^[A-Za-z0-9_/-]*(\?[A-Za-z0-9_=&.%-]*)?$/.test(endpoint)) return undefined;
  const [word = ""] = endpoint.split("?");
  // the bare path is the primary's
  const name = word === "" ? "primary" : word;
  const isKnown = Object.hasOwn(RECOVERY, name);
  return { endpoint, inRecovery: isKnown ? RECOVERY[name] : undefined, isSingle: SINGLE.includes(name), isKnown };
}
