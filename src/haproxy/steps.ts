import type { RuntimeStep, ServerRef } from "./difference.ts";

/** An IP literal and a port. */
export interface Place {
  readonly ip: string;
  readonly port: number;
}

/** What a check or an agent is asked at, as far as it changes. */
export interface ProbePlace {
  readonly ip: string | undefined;
  readonly port: number | undefined;
}

function pathOf({ backend, server }: ServerRef): string {
  return `${backend}/${server}`;
}

function isEmpty(reply: string): boolean {
  return reply === "";
}

/** A command that HAProxy answers with nothing when it has done it, and with an error text when not. */
function silent(about: ServerRef, command: string, undo: string | undefined): RuntimeStep {
  return { command, about, isDone: isEmpty, undo };
}

/** Another address and port; `from` is undefined when the old one is a name. */
export function setAddress(about: ServerRef, from: Place | undefined, to: Place): RuntimeStep {
  const command = ({ ip, port }: Place) => `set server ${pathOf(about)} addr ${ip} port ${port}`;
  return {
    command: command(to),
    about,
    isDone: (reply) => saysAddressIs(reply, to),
    undo: from === undefined ? undefined : command(from),
  };
}

/**
 * 2.4 to 2.8 always speak of both (`no need to change the addr, port changed from '1' to '2' by 'stats socket
 * command'`); 3.0 and later only of what changed, and say `nothing changed` of neither.
 */
function saysAddressIs(reply: string, to: Place): boolean {
  if (reply === "nothing changed") return true;
  const by = " by 'stats socket command'";
  if (!reply.endsWith(by)) return false;
  const parts = reply.slice(0, -by.length).split(", ");
  const isAddress = (part: string) =>
    part === "no need to change the addr" || (part.startsWith("IP changed from '") && part.endsWith(`' to '${to.ip}'`));
  const isPort = (part: string) =>
    part === "no need to change the port" ||
    (part.startsWith("port changed from '") && part.endsWith(`' to '${to.port}'`));
  const [first = "", second] = parts;
  if (second === undefined) return isAddress(first) || isPort(first);
  return parts.length === 2 && isAddress(first) && isPort(second);
}

/** Another weight, 0 to 256. */
export function setWeight(about: ServerRef, from: number | undefined, to: number): RuntimeStep {
  const command = (weight: number) => `set server ${pathOf(about)} weight ${weight}`;
  return silent(about, command(to), from === undefined ? undefined : command(from));
}

/** Another limit of connections; 0 is none. */
export function setMaxconn(about: ServerRef, from: number | undefined, to: number): RuntimeStep {
  const command = (maxconn: number) => `set maxconn server ${pathOf(about)} ${maxconn}`;
  return silent(about, command(to), from === undefined ? undefined : command(from));
}

/** Into maintenance or out of it. */
export function setMaintenance(about: ServerRef, isDisabled: boolean): RuntimeStep {
  const command = (state: string) => `set server ${pathOf(about)} state ${state}`;
  return silent(about, command(isDisabled ? "maint" : "ready"), command(isDisabled ? "ready" : "maint"));
}

/** Where the health check (`check`) or the agent (`agent`) is asked. */
export function setProbePlace(about: ServerRef, probe: "check" | "agent", [from, to]: [ProbePlace, ProbePlace]) {
  const command = ({ ip, port }: ProbePlace) => {
    const what =
      ip === undefined ? `${probe}-port ${port}` : `${probe}-addr ${ip}${port === undefined ? "" : ` port ${port}`}`;
    return `set server ${pathOf(about)} ${what}`;
  };
  return silent(about, command(to), command(from));
}

/** What is said to the agent. */
export function setAgentSend(about: ServerRef, from: string, to: string): RuntimeStep {
  const command = (text: string) => `set server ${pathOf(about)} agent-send ${text}`;
  return silent(about, command(to), isCommandWord(from) ? command(from) : undefined);
}

/** Whether a word goes through the command line as it is: no blank, no quote, no backslash, no `;`. */
export function isCommandWord(word: string): boolean {
  return /^[A-Za-z0-9_.:,/@%+=[\]-]+$/.test(word);
}

/** What an added server needs to be told after it was registered. */
export interface Wanted {
  readonly hasCheck: boolean;
  readonly hasAgent: boolean;
  readonly isDisabled: boolean;
}

/**
 * A new server. It begins in maintenance with its checks off. Its agent counts as failed until it has answered (2.6.12;
 * a configured one counts as good), so it is said to be up before the server is enabled.
 */
export function addServer(about: ServerRef, words: readonly string[], wanted: Wanted): RuntimeStep[] {
  const path = pathOf(about);
  const steps: RuntimeStep[] = [
    {
      command: `add server ${path} ${words.join(" ")}`,
      about,
      isDone: (reply) => reply === "New server registered.",
      undo: `del server ${path}`,
    },
  ];
  if (wanted.hasCheck) steps.push(silent(about, `enable health ${path}`, `disable health ${path}`));
  if (wanted.hasAgent) {
    steps.push(silent(about, `enable agent ${path}`, `disable agent ${path}`));
    steps.push(silent(about, `set server ${path} agent up`, undefined));
  }
  if (!wanted.isDisabled) steps.push(setMaintenance(about, false));
  return steps;
}

/** What takes a server out of the traffic, so that it can be deleted. */
export function retireServer(about: ServerRef, was: Wanted): RuntimeStep[] {
  const path = pathOf(about);
  const steps: RuntimeStep[] = [];
  // Its agent first: one that says "ready" would end the maintenance.
  if (was.hasAgent) steps.push(silent(about, `disable agent ${path}`, `enable agent ${path}`));
  if (was.hasCheck) steps.push(silent(about, `disable health ${path}`, `enable health ${path}`));
  if (!was.isDisabled) steps.push(setMaintenance(about, true));
  return steps;
}

/** Deletes a server that is in maintenance and has no session. */
export function deleteServer(about: ServerRef): RuntimeStep {
  return {
    command: `del server ${pathOf(about)}`,
    about,
    isDone: (reply) => reply === "Server deleted.",
    undo: undefined,
    waitsForSessions: true,
  };
}
