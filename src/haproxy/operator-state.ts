import type { Call } from "../core/call.ts";
import type { ConfiguredServer, ServerRef } from "./difference.ts";
import { quoteReply, RuntimeError } from "./runtime-error.ts";
import type { RuntimeSocket } from "./runtime-socket.ts";
import { ADMIN, type RunningServer, readServers } from "./servers-state.ts";

/** What somebody set by hand on one server, and what the server was then. */
export interface OperatorSetting {
  readonly about: ServerRef;
  /** Undefined: nobody has set it. `ready` is a server that the file has disabled. */
  readonly state: "maint" | "drain" | "ready" | undefined;
  readonly weight: number | undefined;
  /** The server as it ran. */
  readonly server: RunningServer;
  /** What its file said of it. */
  readonly file: { readonly disabled: boolean; readonly weight: number };
}

/**
 * What people set by hand and a reload would lose: maintenance, drain, a server enabled that the file has disabled, a
 * weight other than the file's. `configured`: what the file says that HAProxy was brought to last; what that says was
 * set because of it. HAProxy shows an agent's `maint` and `drain` as it shows an operator's, so they are among these; a
 * weight is not where there is an agent, which says its own again. Pure.
 */
export function readOperatorState(
  running: readonly RunningServer[],
  configured: readonly ConfiguredServer[],
): readonly OperatorSetting[] {
  const inFile = new Map(configured.map((server) => [pathOf(server), server]));
  return running.flatMap((server) => {
    const said = inFile.get(pathOf(server));
    // It is not of the file: what is done with it is about to end.
    if (said === undefined) return [];
    const state = stateByHand(server, said.disabled);
    const weight = weightByHand(server, said.weight);
    if (state === undefined && weight === undefined) return [];
    const about = { backend: server.backend, server: server.server };
    const file = { disabled: said.disabled, weight: said.weight ?? server.initialWeight };
    return [{ about, state, weight, server, file }];
  });
}

function pathOf({ backend, server }: ServerRef): string {
  return `${backend}/${server}`;
}

function stateByHand({ adminState }: RunningServer, isDisabled: boolean): OperatorSetting["state"] {
  const has = (bit: number) => (adminState & bit) !== 0;
  if (has(ADMIN.forcedDrain)) return "drain";
  if (has(ADMIN.forcedMaint)) return isDisabled || has(ADMIN.configuredMaint) ? undefined : "maint";
  return isDisabled ? "ready" : undefined;
}

function weightByHand(
  { weight, initialWeight, hasAgent }: RunningServer,
  configured: number | undefined,
): number | undefined {
  return hasAgent || weight === initialWeight || weight === configured ? undefined : weight;
}

/**
 * Sets it again in a new worker, for the servers that are still there and were not changed in the file meanwhile: the
 * maintenance of a machine is not that of the one that took its place. Resolves to what was put back, and what was not
 * and why, in words; what is so already (HAProxy's own server-state file) is not mentioned. Throws E_HAPROXY at the end
 * when HAProxy refused some of it.
 */
export async function restoreOperatorState(
  socket: RuntimeSocket,
  state: readonly OperatorSetting[],
  call: Call,
): Promise<readonly string[]> {
  if (state.length === 0) return [];
  const now = new Map((await readServers(socket, call)).map((server) => [pathOf(server), server]));
  const notes: string[] = [];
  const wishes: Wish[] = [];
  for (const setting of state) {
    const server = now.get(pathOf(setting.about));
    const whyNot = server === undefined ? "HAProxy has it no longer" : whyItIsAnother(setting.server, server);
    if (server === undefined || whyNot !== undefined) {
      notes.push(`${pathOf(setting.about)}: ${describe(setting)} was not put back: ${whyNot}`);
    } else wishes.push(...wishesOf(setting, server));
  }
  const answers = await socket.askAll(
    wishes.map(({ command }) => command),
    call,
  );
  const refused = wishes.flatMap(({ command }, at) =>
    answers[at] === "" ? [] : [`"${command}": ${quoteReply(answers[at] ?? "")}`],
  );
  if (refused.length > 0) {
    throw new RuntimeError(
      "refused",
      `HAProxy at ${socket.name} did not take back what was set by hand: ${refused.join("; ")}`,
    );
  }
  return [...wishes.map(({ says }) => says), ...notes];
}

interface Wish {
  readonly command: string;
  readonly says: string;
}

function wishesOf({ about, state, weight, file }: OperatorSetting, now: RunningServer): readonly Wish[] {
  const path = pathOf(about);
  const wishes: Wish[] = [];
  const isDisabled = (now.adminState & ADMIN.configuredMaint) !== 0;
  // Where the file has changed its own word, that is the later one.
  if (state !== undefined && isDisabled === file.disabled && stateByHand(now, isDisabled) !== state) {
    wishes.push({
      command: `set server ${path} state ${state}`,
      says: `${path}: ${STATES[state]} again, as it was by hand`,
    });
  }
  if (weight !== undefined && now.weight !== weight && now.initialWeight === file.weight) {
    wishes.push({
      command: `set server ${path} weight ${weight}`,
      says: `${path}: weight ${weight} again, as it was by hand`,
    });
  }
  return wishes;
}

const STATES = { maint: "in maintenance", drain: "draining", ready: "enabled" } as const;

function describe({ state, weight }: OperatorSetting): string {
  const parts = [state === undefined ? [] : [`"${state}"`], weight === undefined ? [] : [`weight ${weight}`]];
  return `${parts.flat().join(" and ")}, set by hand,`;
}

/** A name stands for whatever machine it leads to. */
function whyItIsAnother(was: RunningServer, now: RunningServer): string | undefined {
  if (was.fqdn !== undefined && was.fqdn === now.fqdn && was.port === now.port) return undefined;
  if (was.address === now.address && was.port === now.port) return undefined;
  return `it is another server now (${placeOf(was)} → ${placeOf(now)})`;
}

function placeOf({ address = "no address", port }: RunningServer): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
