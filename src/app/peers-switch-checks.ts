import type { ServerRef } from "../haproxy/difference.ts";
import { isUp, type ServerView } from "../haproxy/peers-table.ts";
import type { PeersView } from "../haproxy/peers-view.ts";
import type { RuntimeSocket } from "../haproxy/runtime-socket.ts";
import { type AskedAll, type AskedHaproxy, problemOf } from "./peers-ways.ts";

/** One HAProxy that is to have another writer. */
export interface SwitchPlace {
  readonly name: string;
  readonly socket: RuntimeSocket;
  readonly master: RuntimeSocket | undefined;
  readonly view: PeersView;
  /** The server that is to be the writer. */
  readonly writer: ServerRef;
  readonly writerId: string;
  /** Clients can reach it there; else the others must not be taken from them. */
  readonly isUp: boolean;
  /** All others of the backend. */
  readonly others: readonly ServerRef[];
}

/** Why a switch is refused, one line each; `unlessForced` are those that `--force` overrides. */
export interface Objections {
  readonly always: readonly string[];
  readonly unlessForced: readonly string[];
}

/** Looks whether a server can be the writer of all of them. */
export function objectionsTo(server: string, { haproxies }: AskedAll, doubts: readonly string[]): Objections {
  const always: string[] = [];
  const unlessForced: string[] = [...doubts];
  for (const one of haproxies) {
    const { name, answer } = one;
    if (!("view" in answer)) {
      unlessForced.push(`${name}: ${problemOf(one)}`);
      continue;
    }
    const found = answer.view.servers.find((candidate) => candidate.name === server);
    if (found === undefined) always.push(`${name}: ${unknownServer(server, answer.view)}`);
    else if (!isUp(found)) unlessForced.push(`${name}: ${server} is ${found.status}`);
  }
  if (haproxies.every(({ answer }) => "error" in answer)) always.push("no HAProxy answers");
  return { always, unlessForced };
}

function unknownServer(server: string, { backend, servers }: PeersView): string {
  const names = servers.map(({ name }) => name);
  return `${backend} has no server "${server}"; its servers: ${names.join(", ")}`;
}

/** Those that can be switched. */
export function placesFor(server: string, { haproxies }: AskedAll): readonly SwitchPlace[] {
  return haproxies.flatMap((one) => placeFor(server, one) ?? []);
}

function placeFor(server: string, { name, socket, master, answer }: AskedHaproxy): SwitchPlace | undefined {
  if (!("view" in answer)) return undefined;
  const { view } = answer;
  const found = view.servers.find((candidate) => candidate.name === server);
  if (found === undefined) return undefined;
  return {
    name,
    socket,
    master,
    view,
    writer: refOf(found),
    writerId: found.id,
    isUp: isUp(found),
    others: view.servers.filter((one) => one !== found).map(refOf),
  };
}

function refOf({ backend, name }: ServerView): ServerRef {
  return { backend, server: name };
}
