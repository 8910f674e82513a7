/** What PostgreSQL must say to `pg_is_in_recovery()` for a health check of Patroni to be right; undefined: either. */
const RECOVERY: Readonly<Record<string, boolean | undefined>> = {
  primary: false,
  master: false,
  "read-write": false,
  "standby-leader": true,
  standby_leader: true,
  replica: true,
  synchronous: true,
  sync: true,
  asynchronous: true,
  async: true,
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
}

/** Reads the word of `--patroni-healthcheck`; undefined for what cannot be a path. */
export function parseRole(text: string): WantedRole | undefined {
  const endpoint = text.trim().replace(/^\/+/, "");
  if (!/^[A-Za-z0-9_/-]*(\?[A-Za-z0-9_=&.%-]*)?$/.test(endpoint)) return undefined;
  const [word = ""] = endpoint.split("?");
  // the bare path is the primary's
  const name = word === "" ? "primary" : word;
  return { endpoint, inRecovery: RECOVERY[name], isSingle: SINGLE.includes(name) };
}
