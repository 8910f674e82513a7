import type { Call } from "./call.ts";
import type { Verdict } from "./verdict.ts";

/** One server that may be probed. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

/** The one spelling of a target in logs, keys of maps and messages; an IPv6 host gets its brackets. */
export function targetName(target: Target): string {
  return target.host.includes(":") ? `[${target.host}]:${target.port}` : `${target.host}:${target.port}`;
}

/** A conversation with one target. It may keep its connection: losing it is news that arrives by itself. */
export interface Probe {
  /**
   * Asks once. May throw anything: `check/probe.ts` alone turns a throw into a verdict, and the deadline
   * is kept by the caller through `call.signal`.
   */
  check(call: Call): Promise<Verdict>;
  /** Registers the one listener for the loss of a kept connection. */
  onLost?(listener: (reason: string) => void): void;
  /** Lets go of every resource; safe to call twice. */
  close(): Promise<void>;
}

/** One option of a checker: the flag, the key in a checkers.toml table and the environment variable come from it. */
export interface OptionSpec {
  /** Kebab-case, as the flag without its dashes. */
  readonly name: string;
  readonly type: "string" | "integer" | "duration" | "boolean" | "targets" | "enum";
  readonly description: string;
  readonly default?: string | number | boolean;
  readonly values?: readonly string[];
  readonly required?: boolean;
  /** Shown in help for the argument, e.g. `h:p,h:p`. */
  readonly argument?: string;
}

/** Parsed and validated values of a checker's own options, by option name. */
export type OptionValues = Readonly<Record<string, string | number | boolean | readonly Target[] | undefined>>;

/** A kind of service. A new kind is one file in `checkers/` and one line in its registry. */
export interface Checker {
  /** As the user writes it, and the second part of the entry's key. */
  readonly kind: string;
  /** One line for `--help`. */
  readonly summary: string;
  /** Added to the server's port to get the default `proxyport`. */
  readonly proxyportOffset: number;
  readonly options: readonly OptionSpec[];
  /** The targets in order of preference; called before every round, so a kind may look them up anew. */
  discover(options: OptionValues, call: Call): Promise<readonly Target[]>;
  open(target: Target, options: OptionValues): Probe;
}
