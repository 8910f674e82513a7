import type { Call } from "./call.ts";
import type { Clock } from "./clock.ts";
import type { Logger } from "./logger.ts";
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
  /**
   * The cheapest question that a hung server leaves unanswered, asked of the published server many times a second
   * between two checks. Never while a check is under way. Throws as `check` does.
   */
  ping?(call: Call): Promise<void>;
  /** Registers the one listener for the loss of a kept connection. */
  onLost?(listener: (reason: string) => void): void;
  /** Lets go of every resource; safe to call twice. */
  close(): Promise<void>;
}

/** The call with which a service is asked for its targets. */
export interface DiscoverCall extends Call {
  /** What is published now, if anything: perhaps the only server that is known while nobody can list them. */
  readonly published?: Target;
}

/** The servers of one tag, as their kind knows them, with whatever their probes share. */
export interface Service {
  /**
   * The targets in order of preference; called before every round, so a kind may look them up anew. The same array
   * again means the same list. Throws when it cannot be told which there are: those known are kept then.
   */
  discover(call: DiscoverCall): Promise<readonly Target[]>;
  open(target: Target): Probe;
  /** The port that the default `proxyport` is counted from; without it the one of the first target. */
  readonly basePort?: number;
  /**
   * Registers the one listener for news that arrives by itself: all targets are listed and asked again at once, those
   * that are being asked directly after that.
   */
  onNews?(listener: (reason: string) => void): void;
  /** Lets go of what the probes shared; they are closed before. Safe to call twice. */
  close(): Promise<void>;
}

/** What a service may use beside its options. */
export interface ServiceContext {
  readonly clock: Clock;
  /** For what no verdict can say; its lines begin with `who`. */
  readonly logger: Logger;
  /** Begins each log line: `redismaster redis6379`. */
  readonly who: string;
  /** Aborts when the checker stops. */
  readonly signal: AbortSignal;
}

/** A configuration file in the form of the program that a kind replaces. */
export interface ForeignFile {
  /** The kind's own option that names the file. */
  readonly option: string;
  /** The kind's own boolean option that says to read none. */
  readonly skip?: string;
  /** The file that is read, if it is there, when none is named. */
  readonly defaultPath?: string;
  /**
   * Its text as values by option name: the kind's own, common ones, `agent-port` and `agent-bind`. They count as a
   * file's: flags and the environment beat them. Throws, in words, what is wrong with it.
   */
  read(text: string): Promise<Readonly<Record<string, unknown>>>;
}

/** A kind of service. A new kind is one file in `checkers/` and one line in its registry. */
export interface Checker {
  /** As the user writes it, and the second part of the entry's key. */
  readonly kind: string;
  /** One line for `--help`: what is published. */
  readonly summary: string;
  /** Added to the server's port to get the default `proxyport`. */
  readonly proxyportOffset: number;
  /** Its own options; one that is named as a common one stands in its place. */
  readonly options: readonly OptionSpec[];
  /**
   * Set when only one target can rightly be up at a time: what to say of several, e.g. `say that they are the master`;
   * or, where that depends on the options, how to tell.
   */
  readonly exclusive?: string | ((options: OptionValues) => string | undefined);
  /** Set when every healthy target takes writes, but one at a time is to get them: `--publish writer` names it. */
  readonly hasWriter?: boolean;
  /** For those who come from the program that this kind replaces. */
  readonly foreignFile?: ForeignFile;
  /** Connects nothing yet. Throws E_USAGE for options that make no sense together. */
  create(options: OptionValues, context: ServiceContext): Service;
}
