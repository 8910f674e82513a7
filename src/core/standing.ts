import type { Health } from "./damper.ts";
import type { Verdict } from "./verdict.ts";

/** What an agent has to know of a server to answer for it. */
export interface Standing {
  /** `host:port` */
  readonly name: string;
  /** What counts, after damping. */
  readonly health: Health;
  /** The latest one, undamped; undefined before the first. */
  readonly verdict: Verdict | undefined;
  /** When the latest verdict came, on the monotonic clock; -Infinity before the first. */
  readonly judgedMs: number;
  /** Of the latest good verdict: what a server in doubt still has. */
  readonly weightPercent: number | undefined;
  readonly maxconn: number | undefined;
  /** Set while a server that was down is kept down until a person says otherwise: what was wrong with it. */
  readonly held: string | undefined;
}

/** Where the standing of the servers of one tag is looked up; it costs nothing while nobody asks. */
export interface StandingSource {
  /** Of the tag as a whole: of its published server, else of its best one; undefined while no server is known. */
  ofTag(): Standing | undefined;
  /** By `host:port`; `gone` for a server that was among those of the tag, undefined for one that never was. */
  ofServer(name: string): Standing | "gone" | undefined;
  /** How many servers there are: with one, the tag and the server are the same question. */
  readonly count: number;
  /** Asks the servers anew, or the one, and resolves when what they answered was taken in. Never rejects. */
  freshen(name: string | undefined): Promise<void>;
}
