import { homedir } from "node:os";
import { join } from "node:path";

/** Where "applied" is remembered when nobody says: the system's place for root, the user's own for others. */
export function defaultStateDir(env: Readonly<Record<string, string | undefined>>): string {
  if (process.geteuid?.() === 0) return "/var/lib/confd-haproxy";
  // Empty counts as unset (XDG Base Directory Specification).
  return join(env["XDG_STATE_HOME"] || join(homedir(), ".local", "state"), "confd-haproxy");
}

/** Where agents without a store read the orders that people give by hand, and where those are written. */
export function ordersFolder(stateDir: string): string {
  return join(stateDir, "agent-orders");
}
