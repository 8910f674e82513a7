import type { PeersInFile } from "../core/peers.ts";
import { createConfiguration } from "./configuration.ts";
import type { Section, SectionLine } from "./section.ts";

/** A word as the reader of lines leaves it when it is nothing but this variable. */
const OWN_NAME = /^\0\$(?:\{HAPROXY_LOCALPEER\}|HAPROXY_LOCALPEER)$/;

/** What a configuration says of peers: its `peers` sections, and the name that it gives to its HAProxy itself. */
export function readPeers(text: string): PeersInFile {
  const configuration = createConfiguration(text);
  const of = (keyword: string) =>
    configuration.stretches.filter((stretch) => stretch.keyword === keyword).map(configuration.section);
  return {
    localPeer: of("global")
      .flatMap(({ lines }) => lines)
      .find(({ words, depth, hasVariable }) => words[0] === "localpeer" && depth === 0 && !hasVariable)?.words[1],
    sections: of("peers").map(readSection),
  };
}

function readSection({ name, depth, lines }: Section): PeersInFile["sections"][number] {
  const peers = lines.filter(isPeer);
  const words = peers.map((line) => line.words[1] ?? "");
  return {
    name,
    isConditional: depth > 0,
    peers: words.filter((word) => !word.includes("\0")),
    hasLocal: words.some((word) => OWN_NAME.test(word)),
    hasUnknown: words.some((word) => word.includes("\0") && !OWN_NAME.test(word)),
  };
}

/** `peer` with an address, or `server` beside a `bind` (configuration manual, 3.5 "Peers"). */
function isPeer({ words, broken }: SectionLine): boolean {
  return broken === undefined && (words[0] === "peer" || words[0] === "server") && words.length > 1;
}
