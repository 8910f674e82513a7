import type { HaproxyPeers, PeersStatus, PeersVerdict } from "../core/peers-status.ts";

/** Judges what was found. */
export function judgePeers(status: PeersStatus): PeersVerdict {
  const answered = status.haproxies.filter(({ problem }) => problem === undefined);
  const groups = byWriter(answered);
  const [first] = groups;
  const agrees = groups.length === 1 && (first?.active !== undefined || first?.row === undefined);
  const troubles = [...status.haproxies.flatMap((one) => troublesOf(one, status)), ...status.doubts];
  const isGood = agrees && troubles.length === 0;
  return {
    isGood,
    agrees,
    active: agrees ? first?.active : undefined,
    summary: `${summaryOf(status, answered, groups)}${agrees && !isGood ? ", but not all is well" : ""}`,
    troubles,
  };
}

interface WriterGroup {
  readonly active: string | undefined;
  readonly row: string | undefined;
  readonly names: string[];
}

function byWriter(haproxies: readonly HaproxyPeers[]): readonly WriterGroup[] {
  const groups: WriterGroup[] = [];
  for (const { name, active, row } of haproxies) {
    const known = groups.find((group) => group.active === active && (active !== undefined || group.row === row));
    if (known === undefined) groups.push({ active, row, names: [name] });
    else known.names.push(name);
  }
  return groups;
}

function summaryOf(
  { haproxies }: PeersStatus,
  answered: readonly HaproxyPeers[],
  groups: readonly WriterGroup[],
): string {
  const [first] = groups;
  if (haproxies.length === 0) return "no HAProxy could be asked";
  if (first === undefined) return haproxies.length === 1 ? "it does not answer" : `none of ${haproxies.length} answers`;
  if (groups.length > 1) return `they do not agree: ${groups.map(describe).join("; ")}`;
  const who =
    haproxies.length === 1
      ? "the only HAProxy that was asked is"
      : answered.length === haproxies.length
        ? `all ${haproxies.length} agree`
        : `those that answer, ${answered.length} of ${haproxies.length}, agree`;
  if (first.active !== undefined) return `${who} on ${first.active}`;
  if (first.row !== undefined) return `${who} on a row that means no server: ${first.row}`;
  return `${who} on no server (no client has come yet)`;
}

function describe({ active, row, names }: WriterGroup): string {
  const what = active ?? (row === undefined ? "no server (its table is empty)" : `no server that is there (${row})`);
  return `${names.join(", ")} on ${what}`;
}

function troublesOf(one: HaproxyPeers, { haproxies }: PeersStatus): readonly string[] {
  if (one.problem !== undefined) return [`${one.name}: ${one.problem}`];
  const troubles: string[] = [];
  const writer = one.servers.find(({ name }) => name === one.active);
  if (writer !== undefined && !writer.isUp) {
    troubles.push(`${one.name}: ${writer.name} is ${writer.status}: the next client makes another server the writer`);
  }
  if (one.peers === undefined && haproxies.length > 1) {
    troubles.push(`${one.name}: no peers section shares its table: without a peer of its own name HAProxy drops it`);
  }
  for (const peer of one.peers ?? []) {
    if (!peer.isConnected) troubles.push(`${one.name}: not connected with ${peer.name}: ${peer.why}`);
  }
  return troubles;
}
