import type { PeersInFile, PeersSection } from "../core/peers.ts";
import type { LocalNames } from "./local-peer.ts";

/** Why a file is held back, and what can be done. */
export interface PeersHeld {
  readonly reason: string;
  readonly hint: string;
}

/**
 * Whether a new file keeps the stick table over a reload: the new process learns it from the old one, which it knows as
 * its local peer. Without it HAProxy takes the file, drops the section with a warning, and begins with an empty table.
 * Undefined: let it through, also where a variable or `.if` decides, which only HAProxy can tell.
 */
export function judgePeers({ localPeer, sections }: PeersInFile, local: LocalNames): PeersHeld | undefined {
  if (sections.length === 0) {
    const reason = "the file has no peers section, and [peers] says that this HAProxy shares a stick table";
    return { reason, hint: "the template must write one, or [peers] goes out of the resource" };
  }
  const names = namesOf(local, localPeer);
  const sure = sections.filter((section) => !section.isConditional);
  for (const section of sure) {
    if (section.peers.length === 0 && !section.hasLocal && !section.hasUnknown) return empty(section);
    const missing = names.find((name) => !mayHave(section, name));
    if (missing !== undefined) return without(missing, section, local);
  }
  if (sure.length > 0) return undefined;
  const [first] = sections;
  const missing = names.find((name) => !sections.some((section) => mayHave(section, name)));
  return missing === undefined || first === undefined ? undefined : without(missing, first, local);
}

/** What the file calls its HAProxy counts too, and more than the host name: with `-L` HAProxy itself says otherwise. */
function namesOf({ names, from }: LocalNames, localPeer: string | undefined): readonly string[] {
  if (localPeer === undefined || from === "settings") return names;
  return from === "host name" ? [localPeer] : [...new Set([...names, localPeer])];
}

function mayHave(section: PeersSection, name: string): boolean {
  return section.hasLocal || section.hasUnknown || section.peers.includes(name);
}

function empty({ name }: PeersSection): PeersHeld {
  return {
    reason: `the peers section "${name}" has no peer at all: a reload would lose the stick table`,
    hint: "does the resource watch /haproxy/peers/ or name members, and does the template write them?",
  };
}

function without(name: string, section: PeersSection, { from }: LocalNames): PeersHeld {
  const there = section.peers.length === 0 ? "" : ` (there: ${section.peers.join(", ")})`;
  const reason = `${name}, the local peer of this HAProxy, is not in its peers section "${section.name}"${there}: a reload would lose the stick table`;
  return { reason, hint: HINTS[from] };
}

const HINTS: Readonly<Record<LocalNames["from"], string>> = {
  settings: "the name is local in [peers]: it must be among the members, announced, or written by the template",
  haproxy: "HAProxy itself goes by this name (-L, localpeer, else its host name): announce it, or list it in members",
  "host name": "nobody told the name, so it is taken for the host name: set local in [peers] if HAProxy runs with -L",
};
