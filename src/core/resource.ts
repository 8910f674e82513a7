import type { HaproxySettings } from "./haproxy.ts";
import type { PeersSettings } from "./peers.ts";
import type { Escape } from "./template-engine.ts";

/** What a new file must still contain before it may replace the old one. */
export interface Guard {
  /** Fewer pairs than this are held back. */
  readonly minEntries: number;
  /** How many percent of the pairs may vanish from one render to the next, 0-100. */
  readonly maxShrinkPercent: number;
  /** Whether no pair at all is believed. */
  readonly allowEmpty: boolean;
  /** After being held back this long, in ms, the shrunk data are believed. Never when undefined. */
  readonly confirmAfterMs: number | undefined;
}

/** Formats that `output_format` can demand of the rendered text. */
export type OutputFormat = "json" | "yaml" | "toml";

/**
 * One `conf.d/*.toml` file, read and validated: confd's template resource. Paths are absolute, times in ms;
 * what the file does not say is undefined where the answer depends on the dest that is there.
 */
export interface TemplateResource {
  /** Its path below conf.d without `.toml`, e.g. `haproxy`. */
  readonly name: string;
  /** The TOML file, for messages. */
  readonly file: string;
  /** The template, relative to the templates folder. */
  readonly src: string;
  readonly dest: string;
  /** What to watch: store prefixes (ending in `/`) and single keys, with `prefix` in front. */
  readonly keys: readonly string[];
  /** Taken off the keys that the template sees; empty or without slashes at its ends. */
  readonly prefix: string;
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly checkCmd: string | undefined;
  readonly reloadCmd: string | undefined;
  readonly checkTimeoutMs: number;
  readonly reloadTimeoutMs: number;
  readonly debounceMs: number;
  readonly minReloadIntervalMs: number;
  readonly outputFormat: OutputFormat | undefined;
  readonly escape: Escape;
  readonly guard: Guard;
  /** Undefined: nothing is known of the program that reads dest. */
  readonly haproxy: HaproxySettings | undefined;
  /** Undefined: the rendered file has no peers that must be looked after. */
  readonly peers: PeersSettings | undefined;
}
