import type { Call } from "./call.ts";
import type { OptionSpec, OptionValues } from "./option.ts";
import type { Target } from "./targets.ts";
import type { Verdict } from "./verdict.ts";

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
