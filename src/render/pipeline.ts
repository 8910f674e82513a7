import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import type { Haproxy } from "../core/haproxy.ts";
import type { Peer, PeersInFile } from "../core/peers.ts";
import type { TemplateResource } from "../core/resource.ts";
import type { Pair, Snapshot } from "../core/store.ts";
import type { Missing, Template } from "../core/template-engine.ts";
import { type AgreeTell, createAgreement } from "./agree.ts";
import { createBringer } from "./bring.ts";
import { createDestFile, type DestView } from "./dest-file.ts";
import { holdBack } from "./hold-back.ts";
import type { LocalNames, LocalPeer } from "./local-peer.ts";
import type { Outcome } from "./outcome.ts";
import { checkFormat } from "./output-format.ts";
import { judgePeers, type PeersHeld } from "./peers-guard.ts";
import type { Records } from "./records.ts";
import { forgetRefused, keepRefused } from "./refused.ts";
import { createView } from "./view.ts";

/** What the user asked of every resource alike. */
export interface RenderOptions {
  readonly missing: Missing;
  /** Say what would be done, write nothing. */
  readonly noop: boolean;
  /** Write the files, run no command. */
  readonly syncOnly: boolean;
  readonly keepStageFile: boolean;
  /** Believe shrunk or empty data. */
  readonly allowShrink: boolean;
}

/** What a pipeline works with. */
export interface PipelineDeps {
  /** Gives the compiled template; throws E_TEMPLATE while it does not compile. */
  readonly template: () => Template;
  readonly records: Records;
  readonly clock: Clock;
  readonly options: RenderOptions;
  /** Those that read dest; undefined where none is named. */
  readonly haproxy: Haproxy | undefined;
  readonly tell: AgreeTell;
  /** How this machine's HAProxy is called; asked only where the resource has `[peers]`. */
  readonly localPeer: LocalPeer;
  /** Reads what a file says of peers. */
  readonly readPeers: (text: string) => Promise<PeersInFile>;
  /** Called with the warnings of each render. */
  readonly onWarnings: (warnings: readonly string[]) => void;
}

/** From snapshots to the file at dest, for one resource; everything up to the apply. */
export interface Pipeline {
  readonly resource: TemplateResource;
  /** Never throws: what goes wrong is an outcome. `call.signal` ends a running command. */
  run(snapshots: ReadonlyMap<string, Snapshot>, call: PassCall): Promise<Outcome>;
  /** How long until what runs is to be compared with dest, which a pass over a good dest does, ms; undefined: it need not. */
  lookDueInMs(): number | undefined;
  /**
   * HAProxy did not take the file that is at dest: the one that it runs is put back, the other one is kept aside and not
   * tried again until something changes. Resolves to a "failed" outcome.
   */
  putBack(error: AppError): Outcome;
}

/** `again`: a text that `check_cmd` has refused before is tried once more; else it is not checked twice. */
export type PassCall = Call & { readonly again: boolean };

/** Builds the pipeline of one resource. */
export function createPipeline(resource: TemplateResource, deps: PipelineDeps): Pipeline {
  const { options, records, clock } = deps;
  const data = createView(resource);
  const dest = createDestFile(resource);
  const bringer = createBringer(resource, deps);
  const agreement = createAgreement(resource.dest, deps);
  /** `byHaproxy`: not by `check_cmd`, but at the reload. */
  let refused: { readonly text: string; readonly error: AppError; readonly byHaproxy: boolean } | undefined;
  let mayHaveRefusal = true;

  async function run(snapshots: ReadonlyMap<string, Snapshot>, call: PassCall): Promise<Outcome> {
    const local = await localNames(call);
    const pairs = data.pairs(snapshots, ownPeer(resource, local));
    if (pairs === undefined) return { result: "waiting", reason: "not all of its keys have been read yet" };
    const keys = pairs.map((pair) => pair.key);
    const held = options.allowShrink ? undefined : holdBack(resource, keys, deps);
    if (held !== undefined) return { result: "held", ...held };

    const startedMs = clock.monotonicMs();
    const text = renderText(pairs);
    const lost = await tableLost(text, local);
    if (lost !== undefined) return { result: "held", ...lost, vanished: [] };
    if (resource.outputFormat !== undefined) await checkFormat(text, resource.outputFormat, resource.dest);
    const renderMs = clock.monotonicMs() - startedMs;

    const view = dest.look();
    const outcome = view.isCurrent(text) ? await stay(view, call) : await bringToDest(text, { view, renderMs, call });
    if (outcome.result === "current" || outcome.result === "changed") settle(keys);
    return outcome;
  }

  async function localNames(call: Call): Promise<LocalNames | undefined> {
    return resource.peers === undefined ? undefined : deps.localPeer(call);
  }

  async function tableLost(text: string, local: LocalNames | undefined): Promise<PeersHeld | undefined> {
    return local === undefined ? undefined : judgePeers(await deps.readPeers(text), local);
  }

  function renderText(pairs: readonly Pair[]): string {
    const { text, warnings } = deps.template().render({ pairs, missing: options.missing });
    deps.onWarnings(warnings);
    return text;
  }

  async function stay(view: DestView, call: Call): Promise<Outcome> {
    if (!options.noop && !options.syncOnly) await agreement.agree(view, call);
    return { result: "current" };
  }

  async function bringToDest(
    text: string,
    pass: { readonly view: DestView; readonly renderMs: number; readonly call: PassCall },
  ): Promise<Outcome> {
    const { view, renderMs, call } = pass;
    if (options.noop) {
      const plan = await bringer.plan(text, view, call);
      return { result: "would-change", before: view.text ?? "", after: text, plan };
    }
    if (refused?.text === text && (refused.byHaproxy || !call.again)) return { result: "failed", error: refused.error };
    agreement.doubt();
    try {
      return { result: "changed", renderMs, ...(await bringer.bring(text, view, call)) };
    } catch (error) {
      if (error instanceof AppError && error.code === "E_CHECK_CMD") refused = { text, error, byHaproxy: false };
      throw error;
    }
  }

  function putBack(error: AppError): Outcome {
    const view = dest.look();
    const { text } = view;
    const running = deps.records.running(resource.dest);
    if (text === undefined || running === undefined || running === text) {
      const hint = `${resource.dest} stays, since the file before it is not known; the reload is tried again`;
      return { result: "failed", error: new AppError(error.code, error.message, { hint }) };
    }
    keepRefused(view.stage(text), resource.dest, error.message);
    view.swap(view.stage(running), running);
    records.update(resource.dest, { applied: true, addressesOnly: false });
    const hint = `what HAProxy runs is at ${resource.dest} again; the new file is kept at ${resource.dest}.refused, and not tried again until something changes`;
    refused = { text, error: new AppError(error.code, error.message, { hint }), byHaproxy: true };
    return { result: "failed", error: refused.error };
  }

  function settle(keys: readonly string[]): void {
    if (options.noop) return;
    records.setKeys(resource.dest, keys);
    records.update(resource.dest, { heldSinceMs: 0 });
    if (refused !== undefined || mayHaveRefusal) forgetRefused(resource.dest);
    refused = undefined;
    mayHaveRefusal = false;
  }

  return {
    resource,
    async run(snapshots, call) {
      try {
        return await run(snapshots, call);
      } catch (error) {
        return outcomeOf(error, options.missing);
      }
    },
    lookDueInMs: () => (options.noop || options.syncOnly ? undefined : agreement.dueInMs()),
    putBack(error) {
      try {
        return putBack(error);
      } catch (second) {
        return outcomeOf(second, options.missing);
      }
    },
  };
}

/** The others read of it in the store; its own file must have it also while the store does not. */
function ownPeer({ peers }: TemplateResource, local: LocalNames | undefined): Peer | undefined {
  const [name] = local?.names ?? [];
  return peers?.announce === undefined || name === undefined ? undefined : { name, ...peers.announce };
}

function outcomeOf(error: unknown, missing: Missing): Outcome {
  if (!(error instanceof AppError)) {
    return { result: "failed", error: new AppError("E_INTERNAL", "a fault of confd-haproxy itself", { cause: error }) };
  }
  if (error.code === "E_MISSING_KEY" && missing === "wait") return { result: "waiting", reason: error.message };
  return { result: "failed", error };
}
