import type { Role } from "./judge.ts";

/** What each node of a tag was when it was last asked. */
export interface Roles {
  set(name: string, role: Role): void;
  /** Whether another one is synced. One that was not asked yet may be. */
  othersSynced(name: string): boolean;
  forget(name: string): void;
}

/** `names` are those of all nodes of the tag. */
export function createRoles(names: readonly string[]): Roles {
  const roles = new Map<string, Role>();
  return {
    set: (name, role) => void roles.set(name, role),
    othersSynced: (name) => names.some((other) => other !== name && (roles.get(other) ?? "synced") === "synced"),
    forget: (name) => void roles.delete(name),
  };
}
