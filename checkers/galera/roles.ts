import type { Role } from "./judge.ts";

/** What each node of a tag was when it was last asked. */
export interface Roles {
  set(name: string, role: Role): void;
  /** It cannot be told: it stays what it was. One that was never anything cannot be used either. */
  doubt(name: string): void;
  /**
   * Whether another one is synced. One that was not asked yet may be. Where the tag has one node only, `clusterSize`
   * tells whether there are others at all, and they may be synced.
   */
  othersSynced(name: string, clusterSize: number): boolean;
  forget(name: string): void;
}

/** `names` are those of all nodes of the tag. */
export function createRoles(names: readonly string[]): Roles {
  const roles = new Map<string, Role>();
  return {
    set: (name, role) => void roles.set(name, role),
    doubt(name) {
      if (!roles.has(name)) roles.set(name, "unfit");
    },
    othersSynced(name, clusterSize) {
      if (names.length === 1) return clusterSize > 1;
      return names.some((other) => other !== name && (roles.get(other) ?? "synced") === "synced");
    },
    forget: (name) => void roles.delete(name),
  };
}
