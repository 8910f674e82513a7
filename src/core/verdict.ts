/**
 * What one probe found. `unknown` means that the check could not tell (denied credentials, our own fault):
 * nothing changes because of it. `reason` is one short line in words, free of secrets.
 */
export type Verdict =
  | {
      readonly state: "up";
      readonly reason: string;
      /** Percent of the server's configured weight, 0-256, as in HAProxy's agent-check reply. */
      readonly weightPercent?: number;
    }
  | { readonly state: "down" | "drain" | "unknown"; readonly reason: string };

/** The four states a verdict can have. */
export type VerdictState = Verdict["state"];
