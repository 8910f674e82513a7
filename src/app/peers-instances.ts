import { readFileSync } from "node:fs";
import type { Clock } from "../core/clock.ts";
import type { TemplateResource } from "../core/resource.ts";

/** What following works with; it ends with the signal. */
export interface InstancesDeps {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The file holds something else than was read; called once for each new content. */
  onChange(path: string): void;
}

/** How often it is looked, ms: a mounted secret takes a minute to arrive, and tells nobody. */
const LOOK_MS = 5_000;

/** Follows the `instances_file` of these resources, so that HAProxies are known to the others before they are there. */
export async function followInstances(
  resources: readonly TemplateResource[],
  { clock, signal, onChange }: InstancesDeps,
): Promise<void> {
  const known = new Map(
    resources.flatMap(({ peers }) => peers?.instancesFile ?? []).map(({ path, text }) => [path, text]),
  );
  if (known.size === 0) return;
  for (;;) {
    try {
      await clock.sleep(LOOK_MS, signal);
    } catch {
      // the only way in which sleeping fails
      return;
    }
    for (const [path, before] of known) {
      const now = readIfThere(path);
      if (now === undefined || now === before) continue;
      known.set(path, now);
      onChange(path);
    }
  }
}

/** Undefined: it is away, which is no new number; whoever reads the configuration then says why. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}
