import type { EntryView } from "./entry-view.ts";

/** Which names and ports the sections of one rendered file have. */
export interface Claims {
  /** A name or port that the template uses itself. */
  reserve(nameOrPort: string | number): void;
  /**
   * The entries that may have a section, of candidates in the order of their keys: one whose name or port is
   * taken by another key is left out, and a warning says so.
   */
  admit(candidates: readonly EntryView[], last: Admission | undefined): Admission;
}

/** What {@link Claims.admit} decided. It is given back with the next render, where mostly nothing of it changes. */
export interface Admission {
  readonly candidates: readonly EntryView[];
  readonly admitted: readonly EntryView[];
  readonly warnings: readonly string[];
  readonly reserved: readonly (string | number)[];
}

/** The claims of one render. */
export function createClaims(): Claims {
  const owners = new Map<string | number, string>();
  const reserved: (string | number)[] = [];
  // Admitted without being entered into `owners`, which costs more than all the rest of a large render.
  let unentered: readonly EntryView[] = [];

  const enter = ({ key, name, proxyport }: EntryView): void => {
    owners.set(name, key);
    owners.set(proxyport, key);
  };
  const clash = ({ key, name, proxyport }: EntryView): string | undefined => {
    for (const [what, value] of [["name", name] as const, ["proxyport", proxyport] as const]) {
      const owner = owners.get(value);
      if (owner !== undefined && owner !== key) return `${key} is left out: ${owner} has the ${what} ${value} too`;
    }
    return undefined;
  };
  return {
    reserve(nameOrPort) {
      reserved.push(nameOrPort);
      owners.set(nameOrPort, "the template itself");
    },
    admit(candidates, last) {
      const isFirst = owners.size === reserved.length && unentered.length === 0;
      if (isFirst && last !== undefined && isSettled(last, candidates, reserved)) {
        unentered = candidates;
        return { ...last, candidates, admitted: candidates };
      }
      unentered.forEach(enter);
      unentered = [];
      const warnings: string[] = [];
      const admitted = candidates.filter((entry) => {
        const problem = clash(entry);
        if (problem === undefined) enter(entry);
        else warnings.push(problem);
        return problem === undefined;
      });
      return { candidates, admitted, warnings, reserved: [...reserved] };
    },
  };
}

/** Whether the same names and ports are asked for by the same keys as last time, when none clashed. */
function isSettled(last: Admission, candidates: readonly EntryView[], reserved: Admission["reserved"]): boolean {
  if (last.warnings.length > 0 || last.candidates.length !== candidates.length) return false;
  if (last.reserved.length !== reserved.length || reserved.some((it, i) => it !== last.reserved[i])) return false;
  return candidates.every((entry, i) => {
    const before = last.candidates[i];
    if (entry === before) return true;
    return before?.key === entry.key && before.name === entry.name && before.proxyport === entry.proxyport;
  });
}
