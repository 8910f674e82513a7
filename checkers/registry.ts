import type { Checker } from "../src/core/checker.ts";

/**
 * Every kind there is, by the name the user writes, and how to load it: a checker's file and its client
 * load only when the kind is used.
 */
export const checkers = {
  datawave: async () => (await import("./datawave.ts")).datawave,
  galera: async () => (await import("./galera.ts")).galera,
  hbase: async () => (await import("./hbase.ts")).hbase,
  http: async () => (await import("./http.ts")).http,
  memcached: async () => (await import("./memcached.ts")).memcached,
  mysqlslave: async () => (await import("./mysqlslave.ts")).mysqlslave,
  patroni: async () => (await import("./patroni.ts")).patroni,
  redismaster: async () => (await import("./redismaster.ts")).redismaster,
} as const satisfies Readonly<Record<string, () => Promise<Checker>>>;
