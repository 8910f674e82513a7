/**
 * How good a target is among those in the same state: compared number by number, the smaller one first
 * (a replica's lag in seconds, say). A target without one comes by its place in the list.
 */
export type Rank = readonly number[];

/** The server may take traffic. */
export interface GoodVerdict {
  readonly state: "up";
  readonly reason: string;
  /** Percent of the server's configured weight, 0-256, as in HAProxy's agent-check reply. */
  readonly weightPercent?: number;
  /** Connections that HAProxy may have open to it, as `maxconn:N` in the agent-check reply. */
  readonly maxconn?: number;
  /** Looked at only when a server is to be chosen: a published one is not replaced for a better rank. */
  readonly rank?: Rank;
}

/**
 * What one probe found. `unknown` means that the check could not tell (denied credentials, our own fault):
 * nothing changes because of it. `reason` is one short line in words, free of secrets.
 */
export type Verdict =
  | GoodVerdict
  | {
      readonly state: "down";
      readonly reason: string;
      /** It works, but worse than was asked for (it lags): `--min-servers` may be filled up with it, best rank first. */
      readonly makeshift?: Rank;
    }
  | { readonly state: "drain" | "unknown"; readonly reason: string };

/** The four states a verdict can have. */
export type VerdictState = Verdict["state"];
