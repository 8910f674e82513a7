import { canonicalIp } from "./address.ts";
import type { RuntimeStep } from "./difference.ts";
import { isAtLeast } from "./facts.ts";
import { type Change, refOf, refused, type Scene } from "./scene.ts";
import { puzzleOf } from "./server-change.ts";
import { ADDABLE, FOR_NAMES_ONLY, type Keyword } from "./server-keywords.ts";
import { isDisabled, isOn, keywordValue, maxconnOf, type ServerLine, wholeNumber } from "./server-line.ts";
import { firstPresent, lastSetting } from "./settings.ts";
import { addServer, deleteServer, isCommandWord, retireServer, type Wanted } from "./steps.ts";
import { showWord } from "./wording.ts";

/** The most words of a command (HAProxy's MAX_CLI_ARGS is 64; what is more it drops without a word). */
const MOST_WORDS = 60;

/**
 * What makes a section depend on its servers' numbers or names, or on their number being fixed: stick tables keep the
 * number of a server, cookies name one, and an email-alert is set up once.
 */
const BINDING: ReadonlySet<string> = new Set([
  ...["cookie", "dispatch", "dynamic-cookie-key", "email-alert", "force-persist", "fullconn", "ignore-persist"],
  ...["server-template", "stick", "transparent", "use-fcgi-app", "use-server"],
]);

/**
 * Why servers cannot come, go or change places in this section at run time; undefined when they can.
 *
 * A server added at run time stands last, whatever its place in the file, and after the next reload it stands where the
 * file says: with roundrobin, leastconn and random the order decides nothing but who is asked first at the start. It
 * decides who is the first backup server, see keepsBackupOrder.
 */
export function whyMembersAreFixed({ section, settings, facts }: Scene): string | undefined {
  if (!isAtLeast(facts, 2, 6)) return `HAProxy ${facts.version.join(".")} adds and deletes no servers at run time`;
  if (settings.unknownBecause !== undefined) return settings.unknownBecause;
  const [algorithm = "roundrobin"] = lastSetting(settings, "balance") ?? [];
  if (!/^(roundrobin|leastconn|random(\(\d+\))?)$/.test(algorithm)) return `balance ${showWord(algorithm)}`;
  // In http, connections to an added server are not kept and reused as those to others are (2.6.12).
  const [mode = "tcp"] = lastSetting(settings, "mode") ?? [];
  if (mode !== "tcp") return `mode ${showWord(mode)}`;
  const binding = firstPresent(settings, BINDING);
  if (binding !== undefined) return `${binding} depends on the servers that are there`;
  const isAsked = section.lines.some((line) => line.words.some((word) => /\bsrv_|\bnbsrv/.test(word)));
  return isAsked ? "a rule asks for a server by its name" : undefined;
}

/** What it takes to add a server. */
export function addition(server: ServerLine, scene: Scene): Change {
  const puzzle = puzzleOf(server, scene) ?? whyMembersAreFixed(scene);
  if (puzzle !== undefined) return refused(scene, server, `it cannot be added at run time: ${puzzle}`);
  const words = additionWords(server);
  if (typeof words === "string") return refused(scene, server, `it cannot be added at run time: ${words}`);
  return { steps: addServer(refOf(scene, server), words, wantedOf(server)), reasons: [] };
}

/** The words after `add server B/S`; a string says why there are none. */
function additionWords(server: ServerLine): string[] | string {
  const { address } = server;
  if (address.kind !== "literal") return `${showWord(server.addressWord)} is no IP address with a port`;
  const keywords = server.keywords.filter(({ name }) => !FOR_NAMES_ONLY.has(name));
  const strange = keywords.find(({ name }) => !ADDABLE.has(name));
  if (strange !== undefined) return `keyword "${strange.name}"`;
  const odd = keywords.find((keyword) => !isUnderstood(keyword));
  if (odd !== undefined) return `the value of ${odd.name} is not understood`;
  if (
    isOn(server, "agent-check") &&
    (keywordValue(server, "agent-port") ?? keywordValue(server, "port")) === undefined
  ) {
    return "its agent has no port";
  }
  const lasting = keywords.filter(({ name }, at) => keywords.findLastIndex((other) => other.name === name) === at);
  const words = [
    address.ip.includes(":") ? `[${address.ip}]:${address.port}` : `${address.ip}:${address.port}`,
    ...lasting
      .filter(({ name }) => name !== "enabled" && name !== "disabled")
      .flatMap(({ name, values }) => [name, ...values]),
    ...impliedWords(server),
  ];
  return words.length > MOST_WORDS ? "its line has too many words" : words;
}

function isUnderstood({ name, values }: Keyword): boolean {
  const [value = ""] = values;
  if (name === "addr" || name === "agent-addr")
    return canonicalIp(value) !== undefined && !(name === "addr" && value.includes(":"));
  if (name === "weight") return wholeNumber(value, 256) !== undefined;
  if (name === "maxconn") return wholeNumber(value, 2 ** 31 - 1) !== undefined;
  return values.every(isCommandWord);
}

/** What a server of the file has without being told, and an added one has not. */
function impliedWords(server: ServerLine): string[] {
  const words: string[] = [];
  const maxconn = maxconnOf(server) ?? 0;
  // Without it an early 2.6 lets no connection through to a server that has a maxconn.
  if (maxconn > 0) words.push("minconn", `${maxconn}`);
  const speaksProxy = isOn(server, "send-proxy") || isOn(server, "send-proxy-v2");
  const isCheckedElsewhere = keywordValue(server, "addr") !== undefined || keywordValue(server, "port") !== undefined;
  if (speaksProxy && isOn(server, "check") && !isCheckedElsewhere && !isOn(server, "check-send-proxy")) {
    words.push("check-send-proxy");
  }
  if (isDisabled(server)) words.push("disabled");
  return words;
}

/** What it takes to remove a server: first all that is quick, and last, apart, what must wait for its sessions. */
export function removal(server: ServerLine, scene: Scene): Change & { last: readonly RuntimeStep[] } {
  const puzzle = puzzleOf(server, scene) ?? whyMembersAreFixed(scene) ?? whyPointedAt(server, scene);
  if (puzzle !== undefined)
    return { ...refused(scene, server, `it cannot be deleted at run time: ${puzzle}`), last: [] };
  const about = refOf(scene, server);
  return { steps: retireServer(about, wantedOf(server)), reasons: [], last: [deleteServer(about)] };
}

function whyPointedAt({ name }: ServerLine, scene: Scene): string | undefined {
  const { before, after } = scene.members;
  const isTracked = [...before, ...after].some((other) => keywordValue(other, "track") === name);
  const path = `${scene.section.name}/${name}`;
  return isTracked || scene.text.includes(path) ? "another line of the file points to it" : undefined;
}

function wantedOf(server: ServerLine): Wanted {
  return { hasCheck: isOn(server, "check"), hasAgent: isOn(server, "agent-check"), isDisabled: isDisabled(server) };
}
