import type { Health } from "./damper.ts";
import type { Published } from "./published.ts";
import type { Target } from "./targets.ts";
import type { Rank, VerdictState } from "./verdict.ts";

/** One target as the policy sees it. */
export interface Candidate {
  readonly target: Target;
  readonly health: Health;
  /** Its latest verdict, undamped; undefined before the first. */
  readonly latest: VerdictState | undefined;
  /** Its latest verdict was `up` and came only just now. */
  readonly justSeenUp: boolean;
  /** It is being asked at this moment, or about to be. */
  readonly asking: boolean;
  /** It counts as down, but has just been seen up: on its way back. */
  readonly recovering: boolean;
  /** It was found healthy `rise` times in a row. */
  readonly proven: boolean;
  /** Of its latest verdict. */
  readonly rank?: Rank;
  /** Set when it works, though worse than was asked for. */
  readonly makeshift?: Rank;
}

/** What is to be done about the key, and why. */
export type Decision =
  /** What is published is right, as far as is known. */
  | { readonly action: "keep"; readonly target: Target }
  /** `target` is the first choice, `servers` are all that are to be published, in the order of the targets. */
  | {
      readonly action: "publish";
      readonly target: Target;
      readonly servers: readonly Target[];
      readonly because: string;
    }
  /** Nobody is up: there is to be no entry. */
  | { readonly action: "remove" }
  /** Nobody is up: the entry stays as it is. */
  | { readonly action: "leave"; readonly because: "none-up" }
  /** Somebody else published again what was replaced here: a server that is not among ours, or is not up from here. */
  | { readonly action: "leave"; readonly because: "foreign-again" | "failed-again" }
  /** A verdict that may change the choice is still to come. */
  | { readonly action: "wait" };

/** What the policy was told to do. */
export interface Rules {
  /** One server, every healthy one, or the one that gets the writes: one as well, but only ever under a lock where there is one. */
  readonly publish: "one" | "all" | "writer";
  /** With `all`: with fewer healthy ones, those that lag are taken as well. */
  readonly minServers: number;
  /** What becomes of the entry when no server is healthy. */
  readonly fallback: "keep" | "remove";
}

/** What the policy has to know beside the servers and the key. */
export interface Situation {
  /** What is published was replaced before, and somebody else, who sees it differently, published it again. */
  readonly contested: boolean;
  /** False: long enough was waited for the published server, which is down, to answer once more. */
  readonly patient: boolean;
  readonly rules: Rules;
}

/** The candidates beside what is published. */
export interface View {
  readonly candidates: readonly Candidate[];
  readonly published: Published;
  /** The published names, the first choice first. */
  readonly names: readonly string[];
  /** The first choice, if it is among the candidates. */
  readonly current: Candidate | undefined;
}

/** What one of the two ways to choose comes to, before the rest of the policy is applied to it. */
export type Choice = Exclude<Decision, { action: "remove" | "leave" }> | { readonly action: "none" };
