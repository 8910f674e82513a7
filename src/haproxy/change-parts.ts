import { canonicalIp } from "./address.ts";
import type { RuntimeStep } from "./difference.ts";
import { isAtLeast } from "./facts.ts";
import { refOf, type Scene } from "./scene.ts";
import { isDisabled, isOn, keywordValue, maxconnOf, type ServerLine, weightOf, wholeNumber } from "./server-line.ts";
import { firstPresent, lastSetting } from "./settings.ts";
import {
  isCommandWord,
  type ProbePlace,
  setAddress,
  setAgentSend,
  setMaintenance,
  setMaxconn,
  setProbePlace,
  setWeight,
} from "./steps.ts";
import { showWord } from "./wording.ts";

/** A server before and after, in that order. */
export type Pair = readonly [before: ServerLine, after: ServerLine];

/** One setting's change: the commands for it, or why there are none. */
type Part = readonly RuntimeStep[] | string;

const NONE: Part = [];

/** The changes of a server's settings that a running HAProxy can take, each by itself. */
export function changeParts(pair: Pair, scene: Scene): Part[] {
  const parts = [addressPart, weightPart, maxconnPart, checkPart, agentPart, agentSendPart, statePart];
  return parts.map((part) => part(pair, scene));
}

function addressPart([before, after]: Pair, scene: Scene): Part {
  if (before.addressWord === after.addressWord) return NONE;
  const [from, to] = [before.address, after.address];
  const words = `${showWord(before.addressWord)} → ${showWord(after.addressWord)}`;
  if (to.kind !== "literal") return `address ${words}: only an IP address with a port is set at run time`;
  if (from.kind === "other") return `address ${words}: the old one is neither an IP address nor a name with a port`;
  if (from.kind === "literal" && from.ip === to.ip && from.port === to.port) return NONE;
  const why = whyAddressIsFixed(before, scene);
  if (why !== undefined) return `address ${words}: ${why}`;
  return [setAddress(refOf(scene, after), from.kind === "literal" ? from : undefined, to)];
}

function whyAddressIsFixed(before: ServerLine, scene: Scene): string | undefined {
  const { settings, text } = scene;
  if (before.address.kind === "name") {
    if (settings.unknownBecause !== undefined) return settings.unknownBecause;
    if (keywordValue(before, "resolvers") !== undefined) return "a resolvers section looks the old name up";
  }
  const mode = lastSetting(settings, "mode")?.[0] ?? "tcp";
  if (!["tcp", "http", "health"].includes(mode)) return `a server in mode ${showWord(mode)} keeps its address`;
  // Who goes where would depend on the old address until the next reload.
  if (/srvkey(?!\s+name\b)/.test(text)) return "a stick table keeps servers by their address (srvkey)";
  if (/hash-key(?!\s+id\b)/.test(text)) return "servers are hashed by their address (hash-key)";
  return undefined;
}

function weightPart([before, after]: Pair, scene: Scene): Part {
  const [from, to] = [weightOf(before), weightOf(after)];
  if (to === undefined) return "its weight is no number from 0 to 256";
  if (from === to) return NONE;
  if (scene.settings.unknownBecause !== undefined) return `weight: ${scene.settings.unknownBecause}`;
  if (isOn(after, "agent-check")) return "weight: an agent's percents are of the weight HAProxy started with";
  const why = whyWeightIsFixed(scene);
  return why ?? [setWeight(refOf(scene, after), from, to)];
}

function whyWeightIsFixed({ settings }: Scene): string | undefined {
  const [algorithm = "roundrobin"] = lastSetting(settings, "balance") ?? [];
  if (/^(roundrobin|leastconn|first|random(\(\d+\))?)$/.test(algorithm)) return undefined;
  const isHash = /^(source|uri|url_param|hdr|rdp-cookie|hash)\b/.test(algorithm);
  if (isHash && lastSetting(settings, "hash-type")?.[0] === "consistent") return undefined;
  return `weight: it is fixed with balance ${showWord(algorithm)}`;
}

function maxconnPart([before, after]: Pair, scene: Scene): Part {
  const [from, to] = [maxconnOf(before), maxconnOf(after)];
  if (to === undefined) return "its maxconn is not understood";
  if (from === to) return NONE;
  if (scene.settings.unknownBecause !== undefined) return `maxconn: ${scene.settings.unknownBecause}`;
  const isDynamic =
    keywordValue(after, "minconn") !== undefined || firstPresent(scene.settings, FULLCONN) !== undefined;
  if (isDynamic) return "maxconn: minconn or fullconn are in play";
  return [setMaxconn(refOf(scene, after), from, to)];
}

const FULLCONN: ReadonlySet<string> = new Set(["fullconn"]);

/**
 * `addr` and `port` also say where an agent is asked, unless `agent-addr` and `agent-port` do; the command for the
 * check does not.
 */
function checkPart(pair: Pair, scene: Scene): Part {
  const change = probeChange(pair, "addr", "port");
  if (change === undefined) return NONE;
  if (typeof change === "string") return change;
  const why = whyProbeIsFixed(pair, scene, "check");
  if (why !== undefined) return why;
  const [, after] = pair;
  const [from, to] = change;
  if (isOn(after, "agent-check")) {
    const isShared =
      (from.ip !== to.ip && keywordValue(after, "agent-addr") === undefined) ||
      (from.port !== to.port && keywordValue(after, "agent-port") === undefined);
    if (isShared) return "addr or port: its agent is asked there too";
  }
  return [setProbePlace(refOf(scene, after), "check", change)];
}

function agentPart(pair: Pair, scene: Scene): Part {
  const change = probeChange(pair, "agent-addr", "agent-port");
  if (change === undefined) return NONE;
  if (typeof change === "string") return change;
  return whyProbeIsFixed(pair, scene, "agent-check") ?? [setProbePlace(refOf(scene, pair[1]), "agent", change)];
}

/** What changes of an address and a port that stand both before and after; a string says why it is not understood. */
function probeChange([before, after]: Pair, addr: string, port: string): [ProbePlace, ProbePlace] | string | undefined {
  const values = (keyword: string) => [keywordValue(before, keyword), keywordValue(after, keyword)] as const;
  const [oldAddr, newAddr] = values(addr);
  const [oldPort, newPort] = values(port);
  if (oldAddr === newAddr && oldPort === newPort) return undefined;
  const ips = oldAddr === newAddr ? [] : [oldAddr, newAddr].map((text) => probeIp(addr, text));
  const ports = oldPort === newPort ? [] : [oldPort, newPort].map((text) => wholeNumber(text ?? "", 65_535));
  if (ips.includes(undefined)) return `${addr}: only an IP address is set at run time`;
  if (ports.includes(undefined) || ports.includes(0)) return `${port}: it is no number from 1 to 65535`;
  return [
    { ip: ips[0], port: ports[0] },
    { ip: ips[1], port: ports[1] },
  ];
}

/** In `addr` a colon begins a port; `agent-addr` takes an IPv6 address as it is. */
function probeIp(keyword: string, text: string | undefined): string | undefined {
  return text === undefined || (keyword === "addr" && text.includes(":")) ? undefined : canonicalIp(text);
}

function whyProbeIsFixed([before, after]: Pair, scene: Scene, check: string): string | undefined {
  if (!isAtLeast(scene.facts, 2, 4)) return "the address of a check is fixed before HAProxy 2.4";
  const isKnown = isOn(before, check) && isOn(after, check);
  return isKnown ? undefined : `the address of a ${check} that is not on is not changed at run time`;
}

function agentSendPart([before, after]: Pair, scene: Scene): Part {
  const [from, to] = [keywordValue(before, "agent-send"), keywordValue(after, "agent-send")];
  if (from === to || from === undefined || to === undefined) return NONE;
  if (!isOn(before, "agent-check") || !isOn(after, "agent-check")) return "agent-send: its agent-check is not on";
  if (!isCommandWord(to)) return "agent-send: the text has blanks or other special characters";
  return [setAgentSend(refOf(scene, after), from, to)];
}

function statePart([before, after]: Pair, scene: Scene): Part {
  if (isDisabled(before) === isDisabled(after)) return NONE;
  if (scene.settings.unknownBecause !== undefined) return `disabled: ${scene.settings.unknownBecause}`;
  return [setMaintenance(refOf(scene, after), isDisabled(after))];
}
