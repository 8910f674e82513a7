import type { Damped } from "../core/damper.ts";
import { decide } from "../core/decide.ts";
import { entryKey } from "../core/entry.ts";
import { AppError } from "../core/errors.ts";
import type { Decision } from "../core/policy.ts";
import { type Published, publishedNames, publishedTargets, readPublished } from "../core/published.ts";
import { ABSENT, type Store } from "../core/store.ts";
import { targetName } from "../core/targets.ts";
import type { Verdict } from "../core/verdict.ts";
import type { GroupDeps } from "./assembly.ts";
import { isStale, toCandidate } from "./candidate.ts";
import { composeEntry } from "./entry-value.ts";
import { isHeldUnderLock } from "./leadership.ts";
import type { Member } from "./member.ts";
import { type GroupOptions, groupProxyport, validateGroup } from "./options.ts";
import { STORE_TIMEOUT_MS } from "./publication.ts";
import { createRoster } from "./roster.ts";
import { conclude } from "./words.ts";

/** What a single round found and did. */
export interface OnceResult {
  /** All published servers are up (without a store: any server is up). The exit code follows from it. */
  readonly good: boolean;
  /** The servers that are published now, as `host:port`, the first choice first. */
  readonly published: string | undefined;
  readonly servers: readonly { readonly name: string; readonly health: Damped["health"]; readonly reason: string }[];
  /** The entry was changed. */
  readonly written: boolean;
  /** What was decided and why, in one clause. */
  readonly conclusion: string;
}

/** Losing the race more often than this within one run means that somebody else writes on and on. */
const MOST_TRIES = 10;

/**
 * One round: probe all servers (a failed one again, as often as `fall` says), decide, write, as the daemon
 * does. Rejects when the store cannot be used (E_STORE_*), and with E_USAGE for options that cannot work.
 */
export async function checkOnce(options: GroupOptions, deps: GroupDeps): Promise<OnceResult> {
  validateGroup(options, deps.checker);
  const { checker, clock, logger, signal, store } = deps;
  refuseUnlocked(options, store);
  const bugs: unknown[] = [];
  const who = `${checker.kind} ${options.tag}`;
  const listener = { judged: () => {}, doubted: () => {}, failed: (error: unknown) => void bugs.push(error) };
  const { timeoutMs, thresholds, values } = options;
  const member = { timeoutMs, thresholds, clock, signal, listener };
  const service = checker.create(values, { clock, logger, who, signal });
  let hint: Published | undefined;
  const published = () => (hint === undefined ? undefined : publishedTargets(hint)[0]);
  const roster = createRoster({ service, published, member, logger, who, onChange: () => {} });
  try {
    hint = store === undefined ? undefined : await readEntry(store, entryKey(checker.kind, options.tag), signal);
    await roster.refresh();
    signal.throwIfAborted();
    const { members } = roster;
    if (members.length === 0) return nobody();
    const proxyport = groupProxyport(options, { checker, service, members });
    const askAll = async (which: readonly Member[]) => {
      await Promise.all(which.map((one) => one.check()));
      signal.throwIfAborted();
      if (bugs.length > 0) throw bugs[0];
    };
    // Rounds in a row, as for a daemon: a server that is to take over from the last resort has to stand `rise` of them.
    for (let round = 0; round < thresholds.rise; round++) await askAll(members);
    if (store === undefined) return withoutStore(members);
    return await settle(members, { options, deps, store, proxyport, askAll });
  } finally {
    await roster.close();
  }
}

/** A single run takes no lock, so it would write past the one who holds it. */
function refuseUnlocked(options: GroupOptions, store: Store | undefined): void {
  if (options.ha) {
    throw new AppError("E_USAGE", "--ha is for a daemon: a single run writes by check-and-set without it");
  }
  if (options.dryRun || !isHeldUnderLock(options, store)) return;
  throw new AppError("E_USAGE", "--publish writer is for a daemon: a single run cannot hold the lock of the entry", {
    hint: "--once --dry-run, or --store none, tells how the nodes are and writes nothing",
  });
}

async function readEntry(store: Store, key: string, signal: AbortSignal): Promise<Published> {
  const pair = await store.get(key, { signal, timeoutMs: STORE_TIMEOUT_MS });
  return readPublished(pair?.value);
}

interface Round {
  readonly options: GroupOptions;
  readonly deps: GroupDeps;
  readonly store: Store;
  readonly proxyport: number;
  /** Resolves when all have answered. */
  readonly askAll: (members: readonly Member[]) => Promise<void>;
}

async function settle(members: readonly Member[], round: Round): Promise<OnceResult> {
  const { options, deps, store } = round;
  const key = entryKey(deps.checker.kind, options.tag);
  const call = { signal: deps.signal, timeoutMs: STORE_TIMEOUT_MS };
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const pair = await store.get(key, call);
    const published = readPublished(pair?.value);
    const decision = await decideFresh(members, published, round);
    const obstacle = options.dryRun ? "dry-run" : undefined;
    const view = { published, servers: members.length, reasonIsKnown: false, obstacle } as const;
    const conclusion = conclude(decision, view)?.words ?? "";
    if (options.dryRun || (decision.action !== "publish" && decision.action !== "remove"))
      return result(members, published, { written: false, conclusion });
    const after = afterwards(decision, published, round);
    const ifIndex = pair?.index ?? ABSENT;
    const won = await (after.state === "entry"
      ? store.put(key, JSON.stringify(after.entry), { ...call, ifIndex })
      : store.delete(key, { ...call, ifIndex }));
    if (won) return result(members, after, { written: true, conclusion });
  }
  throw new AppError("E_STORE_STALE", `${key} is changed by somebody else again and again`);
}

/** What the key is to hold. */
function afterwards(
  decision: Decision & { readonly action: "publish" | "remove" },
  published: Published,
  { options, proxyport }: Round,
): Published {
  if (decision.action === "remove") return { state: "absent" };
  return { state: "entry", entry: composeEntry(options, decision, published, () => proxyport) };
}

/** A slow store, or a server that hung, may have made the others' answers too old to publish anybody for them. */
async function decideFresh(members: readonly Member[], published: Published, round: Round): Promise<Decision> {
  const { options } = round;
  for (;;) {
    const nowMs = round.deps.clock.monotonicMs();
    const candidates = members.map((member) => toCandidate(member, nowMs, options));
    const decision = decide(candidates, published, { contested: false, patient: true, rules: options });
    if (decision.action !== "wait") return decision;
    await round.askAll(members.filter((member) => member.asking || isStale(member, nowMs, options.timeoutMs)));
  }
}

function result(
  members: readonly Member[],
  published: Published,
  done: { readonly written: boolean; readonly conclusion: string },
): OnceResult {
  const names = publishedNames(published);
  const isUp = (name: string) => members.some((member) => member.name === name && member.memory.health === "up");
  const good = names.length > 0 && names.every(isUp);
  return {
    good,
    published: names.length === 0 ? undefined : names.join(", "),
    servers: members.map(describe),
    ...done,
  };
}

/** Why the list is empty was logged when it was asked for. */
function nobody(): OnceResult {
  const conclusion = "there is no server to check";
  return { good: false, published: undefined, servers: [], written: false, conclusion };
}

function withoutStore(members: readonly Member[]): OnceResult {
  const up = members.find((member) => member.memory.health === "up");
  const conclusion = up === undefined ? "no server is up" : `${targetName(up.target)} is up`;
  return {
    good: up !== undefined,
    published: undefined,
    servers: members.map(describe),
    written: false,
    conclusion,
  };
}

function describe({ name, memory, verdict }: Member): OnceResult["servers"][number] {
  return { name, health: memory.health, reason: reasonOf(verdict) };
}

function reasonOf(verdict: Verdict | undefined): string {
  return verdict?.reason ?? "not asked";
}
