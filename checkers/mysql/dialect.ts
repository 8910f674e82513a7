/** How a server of some version has to be asked, and what it calls the grants for it. */
export interface Dialect {
  /** What it replicates: one row per source. */
  readonly showStatus: string;
  /** Who has registered as its replica. */
  readonly showReplicas: string;
  /** Who it is and whether it takes writes: columns server_id, server_uuid, read_only. */
  readonly selectIdentity: string;
  /** A replica that reports no host is listed with the address that it connects from. */
  readonly listsEverybody: boolean;
  /** The privilege for `showReplicas`; that for `showStatus` is named by the server when it refuses. */
  readonly replicasGrant: string;
}

/**
 * From `@@version`: `8.4.3`, `5.7.44-log`, `10.11.6-MariaDB-0+deb12u1`, `5.5.5-10.4.32-MariaDB` (a MariaDB behind a proxy
 * that passes on the prefix it wears in its greeting).
 *
 * Words: MySQL has REPLICA for SLAVE from 8.0.22 and only that from 8.4 (MySQL 8.0.22 and 8.4.0 release notes). MariaDB
 * takes the old words in all versions, and only SHOW ALL SLAVES STATUS names every source. Grants: MySQL 8.4, "SHOW
 * REPLICA STATUS" and "SHOW REPLICAS"; MariaDB 10.5.2 split SUPER and REPLICATION CLIENT, "GRANT".
 */
export function dialectOf(version: string): Dialect {
  return /mariadb/i.test(version) ? mariadb(version.replace(/^5\.5\.5-/, "")) : mysql(version);
}

function mysql(version: string): Dialect {
  const isNew = isAtLeast(version, [8, 0, 22]);
  return {
    showStatus: isNew ? "SHOW REPLICA STATUS" : "SHOW SLAVE STATUS",
    showReplicas: isNew ? "SHOW REPLICAS" : "SHOW SLAVE HOSTS",
    listsEverybody: false,
    selectIdentity: "SELECT @@server_id AS server_id, @@server_uuid AS server_uuid, @@global.read_only AS read_only",
    replicasGrant: "REPLICATION SLAVE",
  };
}

function mariadb(version: string): Dialect {
  return {
    showStatus: "SHOW ALL SLAVES STATUS",
    showReplicas: "SHOW SLAVE HOSTS",
    // Seen on 10.11: the master fills in what a replica leaves out when it registers.
    listsEverybody: true,
    selectIdentity: "SELECT @@global.server_id AS server_id, NULL AS server_uuid, @@global.read_only AS read_only",
    replicasGrant: isAtLeast(version, [10, 5, 2]) ? "REPLICATION MASTER ADMIN" : "REPLICATION SLAVE",
  };
}

/** The number without what a distribution hangs behind it. */
function plain(version: string): string {
  return /^\d+(?:\.\d+)*/.exec(version)?.[0] ?? version;
}

function isAtLeast(version: string, wanted: readonly number[]): boolean {
  const numbers = plain(version).split(".").map(Number);
  for (const [at, number] of wanted.entries()) {
    const difference = (numbers[at] ?? 0) - number;
    if (difference !== 0) return difference > 0;
  }
  return true;
}
