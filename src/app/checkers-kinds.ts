import { checkers } from "../../checkers/registry.ts";
import type { Checker } from "../core/checker.ts";
import { AppError } from "../core/errors.ts";
import { nearest } from "../lib/nearest.ts";
import { loadPlugin } from "./plugin.ts";

/** Every kind there is: ours and those of plugins. */
export interface Kinds {
  readonly names: readonly string[];
  /** Loads it when it is first asked for. Throws E_USAGE for a kind that there is not, with the nearest. */
  load(kind: string): Promise<Checker>;
}

/** Ours, and those of the files given. Throws E_CONFIG for a plugin that cannot be used and for a kind that is there. */
export async function openKinds(plugins: readonly string[]): Promise<Kinds> {
  const kinds = new Map<string, () => Promise<Checker>>(Object.entries(checkers));
  for (const file of plugins) {
    const checker = await loadPlugin(file);
    if (kinds.has(checker.kind)) {
      throw new AppError("E_CONFIG", `plugin ${file}: there is a checker "${checker.kind}" already`, {
        hint: "give it another kind",
      });
    }
    kinds.set(checker.kind, () => Promise.resolve(checker));
  }
  const names = [...kinds.keys()];
  return {
    names,
    async load(kind) {
      const load = kinds.get(kind);
      if (load !== undefined) return load();
      const close = nearest(kind, names);
      throw new AppError("E_USAGE", `there is no checker "${kind}"`, {
        hint: close === undefined ? `there are: ${names.join(", ")}` : `did you mean ${close}?`,
      });
    },
  };
}
