import type { Clock } from "../core/clock.ts";
import { isPeerKey } from "../core/peers.ts";
import type { TemplateResource } from "../core/resource.ts";
import { type Held, judge } from "./guard.ts";
import type { Records } from "./records.ts";

/** A watched key that covers nothing else. */
const PEERS_ONLY = /(?:^|\/)haproxy\/peers(?:\/|$)/;

/**
 * Asks the guard, and keeps in the state folder since when it says no, so that `confirm_after` survives a restart.
 * A resource without keys has no data to guard. Announced HAProxies do not count: that three become one is no accident.
 */
export function holdBack(
  resource: TemplateResource,
  keys: readonly string[],
  deps: { readonly records: Records; readonly clock: Clock },
): Held {
  const { records, clock } = deps;
  const { dest, guard } = resource;
  if (resource.keys.every((key) => PEERS_ONLY.test(key))) return undefined;
  const now = guarded(keys);
  const ask = () => {
    const { heldSinceMs } = records.get(dest);
    const heldForMs = heldSinceMs === 0 ? undefined : clock.wallMs() - heldSinceMs;
    return judge({ guard, before: guarded(records.keys(dest)), now, heldForMs });
  };
  if (ask() === undefined) return undefined;
  // another process may have let the data through meanwhile: `render --onetime --allow-shrink`
  records.refresh(dest);
  const held = ask();
  if (held !== undefined && records.get(dest).heldSinceMs === 0) records.update(dest, { heldSinceMs: clock.wallMs() });
  return held;
}

function guarded(keys: readonly string[]): readonly string[];
function guarded(keys: readonly string[] | undefined): readonly string[] | undefined;
function guarded(keys: readonly string[] | undefined): readonly string[] | undefined {
  return keys?.filter((key) => !isPeerKey(key));
}
