import type { ConfiguredServer, RuntimeStep, ServerRef } from "./difference.ts";
import { ADMIN, type RunningServer } from "./servers-state.ts";
import { setAddress, setMaintenance, setWeight } from "./steps.ts";

/** One thing in which a running HAProxy is not what its file says. */
export interface Drift {
  readonly about: ServerRef;
  readonly what: "missing" | "extra" | "address" | "weight" | "maintenance";
  /** In words, beginning with the server: `b/s: HAProxy has 10.0.0.1:3306, the file says 10.0.0.2:3306`. */
  readonly says: string;
  /** What mends it while HAProxy runs; undefined where that takes a reload. */
  readonly mend: RuntimeStep | undefined;
}

/** What is known of the time before. */
export interface Known {
  /**
   * What the file said that HAProxy was brought to last, where that is known: a weight of that file is not one that
   * somebody has set by hand, and a server it did not have is not in maintenance because somebody wanted it.
   */
  readonly before?: readonly ConfiguredServer[];
  /**
   * Backends that may have more servers than can be told from the file (`server-template`, `.if`, a variable): one more
   * in HAProxy is no difference there.
   */
  readonly openBackends?: ReadonlySet<string>;
}

/**
 * What differs between what the file says and what runs. What people or agents set (maintenance, drain, a weight) is no
 * difference, and what the file leaves open is none either. Pure.
 */
export function compareServers(
  configured: readonly ConfiguredServer[],
  running: readonly RunningServer[],
  known: Known = {},
): readonly Drift[] {
  const inFile = byPath(configured);
  const inHaproxy = byPath(running);
  const before = known.before === undefined ? undefined : byPath(known.before);
  const drifts = [...inFile].flatMap(([path, wanted]) => {
    const has = inHaproxy.get(path);
    if (has === undefined) return [missing(wanted)];
    const was = before?.get(path);
    const isNew = before !== undefined && was === undefined;
    return [
      ...compareAddress(wanted, has),
      ...compareWeight(wanted, has, was),
      ...compareMaintenance(wanted, has, isNew),
    ];
  });
  const extra = running.filter((server) => {
    return !inFile.has(pathOf(server)) && known.openBackends?.has(server.backend) !== true;
  });
  return [...drifts, ...extra.map(unexpected)];
}

function pathOf({ backend, server }: ServerRef): string {
  return `${backend}/${server}`;
}

function byPath<T extends ServerRef>(servers: readonly T[]): ReadonlyMap<string, T> {
  return new Map(servers.map((server) => [pathOf(server), server]));
}

function refOf({ backend, server }: ServerRef): ServerRef {
  return { backend, server };
}

function missing(wanted: ConfiguredServer): Drift {
  const says = `${pathOf(wanted)}: the file has it, HAProxy does not`;
  return { about: refOf(wanted), what: "missing", says, mend: undefined };
}

function unexpected(server: RunningServer): Drift {
  const state = (server.adminState & ADMIN.forcedMaint) === 0 ? "" : ", in maintenance";
  const says = `${pathOf(server)}: HAProxy has it${state}, the file does not`;
  return { about: refOf(server), what: "extra", says, mend: undefined };
}

/** Where the file has a name, whatever it leads to is right, but the port is still the file's. */
function compareAddress(wanted: ConfiguredServer, has: RunningServer): readonly Drift[] {
  const { address = has.address, port } = wanted;
  if (address === undefined || port === undefined) return [];
  if (address === has.address && port === has.port) return [];
  const from = has.address === undefined ? undefined : { ip: has.address, port: has.port };
  const about = refOf(wanted);
  const place = from === undefined ? "no address" : showPlace(from.ip, from.port);
  const says = `${pathOf(wanted)}: HAProxy has ${place}, the file says ${showPlace(address, port)}`;
  return [{ about, what: "address", says, mend: setAddress(about, from, { ip: address, port }) }];
}

function showPlace(ip: string, port: number): string {
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}

/**
 * The weight in use is the file's, or somebody has set it: an operator, an agent. It is the file's when it is the one
 * HAProxy was loaded with, or that of the file before.
 */
function compareWeight(
  wanted: ConfiguredServer,
  has: RunningServer,
  was: ConfiguredServer | undefined,
): readonly Drift[] {
  const { weight } = wanted;
  if (weight === undefined || weight === has.weight) return [];
  const about = refOf(wanted);
  const drift = (mend: RuntimeStep | undefined): readonly Drift[] => [
    {
      about,
      what: "weight",
      says: `${pathOf(wanted)}: HAProxy gives it weight ${has.weight}, the file says ${weight}`,
      mend,
    },
  ];
  if (has.hasAgent) {
    // What an agent says in percent is of the weight HAProxy was loaded with, and only a reload changes that.
    return has.initialWeight === weight ? [] : drift(undefined);
  }
  const isFromFile = has.weight === has.initialWeight || has.weight === was?.weight;
  return isFromFile ? drift(setWeight(about, has.weight, weight)) : [];
}

function compareMaintenance(wanted: ConfiguredServer, has: RunningServer, isNew: boolean): readonly Drift[] {
  const isInMaint = (has.adminState & ADMIN.forcedMaint) !== 0;
  if (isInMaint === wanted.disabled) return [];
  const wasLoadedDisabled = (has.adminState & ADMIN.configuredMaint) !== 0;
  // Somebody has enabled it by hand, or put it into maintenance: that is theirs.
  if (wanted.disabled ? wasLoadedDisabled : !(wasLoadedDisabled || isNew)) return [];
  const about = refOf(wanted);
  const says = wanted.disabled
    ? `${pathOf(wanted)}: HAProxy uses it, the file has it disabled`
    : `${pathOf(wanted)}: HAProxy has it in maintenance, the file does not`;
  return [{ about, what: "maintenance", says, mend: setMaintenance(about, wanted.disabled) }];
}
