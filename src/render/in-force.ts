import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AppError, errorReason } from "../core/errors.ts";
import type { Haproxy, RuntimePlan } from "../core/haproxy.ts";
import type { TemplateResource } from "../core/resource.ts";
import type { DestView } from "./dest-file.ts";
import type { InForce } from "./outcome.ts";
import type { Records } from "./records.ts";

/** What is known of the HAProxies that read one dest, beside what is at dest. */
export interface Force {
  /** Whether HAProxy runs what is at dest: we saw to it, or it has started since. */
  isRunning(view: DestView, call: Call): Promise<boolean>;
  /** Undefined: it was carried out. Else what went wrong, in words. */
  carryOut(plan: RuntimePlan, call: Call): Promise<string | undefined>;
  /** Undefined: what was carried out is so. Else what differs, in words. */
  verify(plan: RuntimePlan, call: Call): Promise<readonly string[] | undefined>;
  /** Undefined: all servers that run are those of the text, perhaps only now. Else what differs, in words. */
  differences(text: string, call: Call): Promise<readonly string[] | undefined>;
  /** Notes how it ended: in force, or why a reload is owed. */
  settle(text: string, done: Applied): InForce;
}

/** What was given to a running HAProxy, and what still stands against its being in force. */
export interface Applied {
  readonly steps: readonly string[];
  readonly applyMs: number;
  readonly because: string | readonly string[] | undefined;
}

/** What a {@link Force} works with. */
export interface ForceDeps {
  readonly records: Records;
  readonly clock: Clock;
  /** Undefined: nothing is known of the program that reads dest. */
  readonly haproxy: Haproxy | undefined;
}

/** How long all HAProxies together may take to be asked or changed, ms; a reload is the way out then. */
const RUNTIME_TIMEOUT_MS = 3_000;

/** Of one resource. Never throws for what HAProxy does: that is a reason for a reload. */
export function createForce(resource: TemplateResource, { records, haproxy }: ForceDeps): Force {
  const { dest } = resource;
  return {
    async isRunning({ text, sinceMs }, call) {
      if (text === undefined || haproxy === undefined) return false;
      if (records.running(dest) === text) return true;
      try {
        return (await haproxy.startedAtMs(runtimeCall(call))) > sinceMs;
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        return false;
      }
    },
    async carryOut(plan, call) {
      try {
        await plan.carryOut(runtimeCall(call));
        return undefined;
      } catch (error) {
        return errorReason(error);
      }
    },
    verify: (plan, call) => leftOf(() => plan.verify(runtimeCall(call))),
    differences: (text, call) =>
      leftOf(async () => {
        const file = { text, before: records.running(dest) };
        const found = await haproxy?.compare(file, runtimeCall(call));
        return found === undefined ? [] : [...found.left, ...found.unasked.map(errorReason)];
      }),
    settle(text, { steps, applyMs, because }) {
      if (because !== undefined) {
        records.update(dest, { applied: false, addressesOnly: false });
        return { how: "reload", because: typeof because === "string" ? [because] : because };
      }
      records.setRunning(dest, text);
      records.update(dest, { applied: true, addressesOnly: false });
      return { how: "runtime", steps, applyMs };
    },
  };
}

/** What cannot be asked may be wrong. */
async function leftOf(look: () => Promise<readonly string[]>): Promise<readonly string[] | undefined> {
  try {
    const left = await look();
    return left.length === 0 ? undefined : left;
  } catch (error) {
    return [errorReason(error)];
  }
}

/** The part of a pass's call that holds for a word with HAProxy. */
export function runtimeCall({ signal }: Call): Call {
  return { signal, timeoutMs: RUNTIME_TIMEOUT_MS };
}
