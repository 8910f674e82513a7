import type { Haproxy } from "../core/haproxy.ts";
import type { TemplateResource } from "../core/resource.ts";
import { type Backoff, createBackoff } from "../lib/backoff.ts";
import { commandLine } from "./command-line.ts";

/** How soon a failed reload is tried again, ms. */
const RETRY = { firstMs: 1_000, maxMs: 30_000 };

/** Resources that one reload serves. */
export interface ReloadGroup {
  /** `reload_cmd`; undefined: HAProxy is reloaded by its own means. */
  readonly line: string | undefined;
  readonly resources: readonly TemplateResource[];
  readonly haproxy: Haproxy | undefined;
  readonly backoff: Backoff;
  /** Monotonic ms. */
  notBeforeMs: number;
  /** Since when old workers hold it up, monotonic ms. */
  heldSinceMs: number | undefined;
  /** Who does, as it was told last. */
  heldUpBy: string | undefined;
  /** In what HAProxy differed from its file after the last reload. */
  differs: string | undefined;
}

/**
 * By `reload_cmd`, or by the runtime sockets where there is none. `{{src}}` in a reload command is dest: the stage has
 * been renamed away by then.
 */
export function groupReloads(
  resources: readonly TemplateResource[],
  haproxyOf: (resource: TemplateResource) => Haproxy | undefined,
): readonly ReloadGroup[] {
  const byKey = new Map<string, { line: string | undefined; members: TemplateResource[] }>();
  for (const resource of resources) {
    const { dest, reloadCmd, haproxy } = resource;
    if (reloadCmd === undefined && haproxy === undefined) continue;
    const line = reloadCmd === undefined ? undefined : commandLine(reloadCmd, { src: dest, dest });
    const key = line ?? `sockets ${haproxy?.sockets.join()}`;
    const group = byKey.get(key) ?? { line, members: [] };
    group.members.push(resource);
    byKey.set(key, group);
  }
  return [...byKey.values()].map(({ line, members }) => ({
    line,
    resources: members,
    haproxy: members.map(haproxyOf).find((haproxy) => haproxy !== undefined),
    backoff: createBackoff(RETRY),
    notBeforeMs: 0,
    heldSinceMs: undefined,
    heldUpBy: undefined,
    differs: undefined,
  }));
}
