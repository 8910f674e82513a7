import { type AppError, errorReason } from "../core/errors.ts";
import { isSameProcess, type PeersView } from "../haproxy/peers-view.ts";
import { openRuntimeSocket, type RuntimeSocket } from "../haproxy/runtime-socket.ts";
import type { PeersPlace } from "./peers-places.ts";

/** One HAProxy, asked; all ways to it together. */
export interface AskedHaproxy {
  /** Its name among the peers, else the way to it. */
  readonly name: string;
  /** At least one; the first that answered is first. */
  readonly places: readonly PeersPlace[];
  /** The way that is used from now on. */
  readonly socket: RuntimeSocket;
  /** Of its master, where one is known. */
  readonly master: RuntimeSocket | undefined;
  /** What it has, or why that is not known. */
  readonly answer: Answer;
}

/** What came back. */
export type Answer = { readonly view: PeersView } | { readonly error: AppError };

/** Everybody, asked. */
export interface AskedAll {
  readonly haproxies: readonly AskedHaproxy[];
  /** Names of peers that nobody could be asked about. */
  readonly unasked: readonly string[];
}

/** One way, tried. */
export interface AskedPlace {
  readonly place: PeersPlace;
  readonly socket: RuntimeSocket;
  readonly answer: Answer;
}

/** The order in which they are shown: lb2 before lb10. */
export function byName(one: string, other: string): number {
  return one.localeCompare(other, "en", { numeric: true });
}

/** Makes one HAProxy of all ways to the same process. `unasked`: names that are known without a socket. */
export function mergeWays(asked: readonly AskedPlace[], unasked: readonly string[]): AskedAll {
  const elsewhere = asked.filter(isElsewhere);
  const here = asked.filter((one) => !isElsewhere(one));
  const found: AskedPlace[][] = [];
  // Those that failed come last: what does not answer in one way may have answered in another.
  for (const one of [...here.filter(hasAnswered), ...here.filter((way) => !hasAnswered(way))]) {
    const same = found.find((ways) => isSame(ways, one));
    if (same === undefined) found.push([one]);
    else same.push(one);
  }
  const haproxies = found.flatMap(toHaproxy).sort((a, b) => byName(a.name, b.name));
  const names = elsewhere.flatMap(({ place }) => place.knownAs ?? []);
  return { haproxies, unasked: unaskedOf(haproxies, [...unasked, ...names]) };
}

function hasAnswered({ answer }: AskedPlace): boolean {
  return "view" in answer;
}

/** A path that was announced is one of another machine when somebody else answers at it here. */
function isElsewhere({ place: { address, knownAs }, answer }: AskedPlace): boolean {
  if (knownAs === undefined || !("view" in answer) || !sameWay(address).startsWith("/")) return false;
  const { localPeer } = answer.view.process;
  return localPeer !== undefined && localPeer !== knownAs;
}

function isSame(ways: readonly AskedPlace[], one: AskedPlace): boolean {
  const [first] = ways;
  if (first === undefined || !("view" in first.answer)) return false;
  if ("view" in one.answer) return isSameProcess(first.answer.view.process, one.answer.view.process);
  return one.place.knownAs !== undefined && one.place.knownAs === nameOf(ways);
}

/** The same path may be written in two ways. */
export function sameWay(address: string): string {
  return address.replace(/^unix:/, "");
}

function nameOf(ways: readonly AskedPlace[]): string {
  const [first] = ways;
  if (first === undefined) return "";
  const own = "view" in first.answer ? first.answer.view.process.localPeer : undefined;
  return own ?? ways.find(({ place }) => place.knownAs !== undefined)?.place.knownAs ?? first.place.address;
}

function toHaproxy(ways: readonly AskedPlace[]): readonly AskedHaproxy[] {
  const [first] = ways;
  if (first === undefined) return [];
  const master = ways.find(({ place }) => place.masterSocket !== undefined)?.place.masterSocket;
  return [
    {
      name: nameOf(ways),
      places: ways.map(({ place }) => place),
      socket: first.socket,
      master: master === undefined ? undefined : openRuntimeSocket(master),
      answer: first.answer,
    },
  ];
}

/** Besides those that are known without a socket, those that stand in a `peers` section and were not asked. */
function unaskedOf(haproxies: readonly AskedHaproxy[], known: readonly string[]): readonly string[] {
  const names = haproxies.flatMap(({ answer }) =>
    "view" in answer ? (answer.view.group?.peers.map(({ name }) => name) ?? []) : [],
  );
  const asked = new Set(haproxies.map(({ name }) => name));
  return [...new Set([...known, ...names])].filter((name) => !asked.has(name)).sort(byName);
}

/** Why nothing is known of one, in words, without its own name in front. */
export function problemOf({ name, answer }: AskedHaproxy): string | undefined {
  if ("view" in answer) return undefined;
  const reason = errorReason(answer.error);
  const itself = `HAProxy at ${name}: `;
  return reason.startsWith(itself) ? reason.slice(itself.length) : reason;
}
