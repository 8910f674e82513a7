import { type AppError, errorText } from "../core/errors.ts";
import type { ApplyPlan } from "../core/haproxy.ts";
import type { LogFields, Logger } from "../core/logger.ts";
import type { TemplateResource } from "../core/resource.ts";
import { formatMs } from "../lib/duration.ts";
import type { AgreeTell } from "./agree.ts";
import type { InForce, Outcome } from "./outcome.ts";

/** Says what a pass did, once per change of state: a resource that fails on and on is reported once. */
export interface Report {
  outcome(resource: TemplateResource, outcome: Outcome): void;
  warnings(resource: TemplateResource, warnings: readonly string[]): void;
  /** What was found when HAProxy was compared with its file. */
  agreement(resource: TemplateResource): AgreeTell;
  reloadFailures(errors: readonly AppError[]): void;
  /** A one-shot run ends while a reload is put off by `min_reload_interval`. */
  deferred(dueInMs: number): void;
}

/** How many vanished keys a log line names. */
const NAMED_KEYS = 10;

/** How many commands, reasons or differences a log line names. */
const NAMED_LINES = 5;

/** A report that writes to the log. */
export function createReport(logger: Logger): Report {
  const lastTrouble = new Map<string, string>();
  const lastWarnings = new Map<string, ReadonlySet<string>>();

  function trouble(name: string, text: string, say: () => void): void {
    if (lastTrouble.get(name) === text) return;
    lastTrouble.set(name, text);
    say();
  }

  function tellInForce({ name, haproxy }: TemplateResource, inForce: InForce): void {
    if (inForce.how === "reload") {
      logger.info(`reload, because: ${someOf(inForce.because)}`, { resource: name });
      return;
    }
    const sockets = haproxy?.sockets ?? [];
    const where = sockets.length > 1 ? { haproxies: sockets.join(", ") } : {};
    const steps = inForce.steps.length === 0 ? "nothing that HAProxy reads has changed" : someOf(inForce.steps);
    logger.info(`in force without reload: ${steps}`, { resource: name, took: formatMs(inForce.applyMs), ...where });
  }

  function tellPlan(name: string, plan: ApplyPlan): void {
    const [how, lines] = plan.how === "reload" ? ["reload, because", plan.because] : ["without reload", plan.steps];
    for (const line of lines) logger.info(`${how}: ${line}`, { resource: name });
    if (lines.length === 0) logger.info(`${how}: nothing that HAProxy reads would change`, { resource: name });
  }

  return {
    outcome(resource, outcome) {
      const { name, dest } = resource;
      switch (outcome.result) {
        case "current":
          if (lastTrouble.delete(name)) logger.info("is as it should be again", { resource: name, dest });
          return;
        case "changed":
          lastTrouble.delete(name);
          logger.info(`wrote ${dest}`, { resource: name, ...timesOf(outcome) });
          if (outcome.inForce !== undefined) tellInForce(resource, outcome.inForce);
          return;
        case "would-change":
          logger.info(`would write ${dest}`, { resource: name });
          if (outcome.plan !== undefined) tellPlan(name, outcome.plan);
          return;
        case "held":
          trouble(name, outcome.reason, () =>
            logger.error(`held back: ${outcome.reason}; ${dest} stays as it is`, heldFields(name, outcome)),
          );
          return;
        case "waiting":
          trouble(name, outcome.reason, () => logger.warn("waiting", { resource: name, for: outcome.reason }));
          return;
        case "failed":
          trouble(name, errorText(outcome.error), () =>
            logger.error(errorText(outcome.error), failedFields(name, outcome.error)),
          );
      }
    },
    warnings(resource, warnings) {
      const before = lastWarnings.get(resource.name);
      for (const warning of warnings) if (!before?.has(warning)) logger.warn(warning, { resource: resource.name });
      lastWarnings.set(resource.name, new Set(warnings));
    },
    agreement: ({ name, dest }) => ({
      mended: (differences) =>
        logger.warn(`HAProxy did not run what is at ${dest}, and does now: ${someOf(differences)}`, { resource: name }),
      left: (differences) =>
        logger.warn(`HAProxy does not run what is at ${dest}: ${someOf(differences)}`, { resource: name }),
      unasked: (errors) =>
        trouble(haproxyOf(name), errors.map(errorText).join(), () => {
          for (const error of errors) {
            logger.warn(`what runs cannot be compared with ${dest}: ${error.message}`, failedFields(name, error));
          }
        }),
      asked() {
        if (lastTrouble.delete(haproxyOf(name))) logger.info(`what runs was compared with ${dest}`, { resource: name });
      },
    }),
    reloadFailures(errors) {
      for (const error of errors) logger.error(errorText(error), { hint: error.hint });
    },
    deferred(dueInMs) {
      logger.warn("a reload is put off by min_reload_interval", {
        due_in: formatMs(dueInMs),
        hint: "the new file is at dest but not in force; a later run, or render --watch, reloads",
      });
    },
  };
}

/** Its HAProxy may be in trouble while the resource is as it should be. */
function haproxyOf(name: string): string {
  return `${name} and its HAProxy`;
}

function someOf(lines: readonly string[]): string {
  const more = lines.length - NAMED_LINES;
  return `${lines.slice(0, NAMED_LINES).join("; ")}${more > 0 ? `; and ${more} more` : ""}`;
}

function timesOf(outcome: { renderMs: number; checkMs: number; writeMs: number }): LogFields {
  return {
    render: formatMs(outcome.renderMs),
    check: outcome.checkMs === 0 ? undefined : formatMs(outcome.checkMs),
    write: formatMs(outcome.writeMs),
  };
}

function heldFields(name: string, held: { readonly vanished: readonly string[]; readonly hint?: string }): LogFields {
  const named = held.vanished.slice(0, NAMED_KEYS).join(" ");
  const more = held.vanished.length - NAMED_KEYS;
  return {
    resource: name,
    vanished: named === "" ? undefined : more > 0 ? `${named} and ${more} more` : named,
    hint: held.hint ?? "if this is meant, run render --onetime --allow-shrink, or see [guard] in the resource",
  };
}

function failedFields(name: string, error: AppError): LogFields {
  const stack = error.code === "E_INTERNAL" && error.cause instanceof Error ? error.cause.stack : undefined;
  return { resource: name, hint: error.hint, stack };
}
