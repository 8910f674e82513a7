import type { Row } from "./link.ts";

/** Who a server is, by its own word, whatever it is called on the network. */
export interface Identity {
  readonly serverId: number | undefined;
  /** MySQL only. */
  readonly uuid: string | undefined;
  /** `read_only`; what it means for a superuser does not matter here. */
  readonly isReadOnly: boolean;
}

/** Reads the answer to a dialect's `selectIdentity`. */
export function parseIdentity(rows: readonly Row[]): Identity {
  const row = rows[0] ?? {};
  const serverId = Number(row["server_id"] ?? 0);
  return {
    serverId: Number.isSafeInteger(serverId) && serverId > 0 ? serverId : undefined,
    uuid: row["server_uuid"]?.toLowerCase() || undefined,
    // MariaDB 12 has words instead of 0 and 1.
    isReadOnly: !["0", "OFF", ""].includes((row["read_only"] ?? "").toUpperCase()),
  };
}
