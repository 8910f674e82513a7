import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Target } from "../src/core/targets.ts";
import type { Server } from "../test/support/server.ts";
import type { Sighting, Source } from "./news.ts";

/** A server on the stage, by the name that the tour calls it. */
export interface Player {
  readonly name: string;
  readonly server: Server;
  /** Holds the pid of the process that runs now, or ran last. */
  readonly pidFile: string;
  /** Makes it what it was at the beginning, whatever was done to it; returns when it answers. */
  mend(): Promise<void>;
}

/** What an act is given when it starts. */
export interface Setting {
  readonly tag: string;
  /** For files of its own; checkers.toml stands there too. */
  readonly dir: string;
  /** The address of HAProxy. */
  readonly frontHost: string;
}

/** One kind of servers: what runs, how it is checked, what a client asks for, and what goes wrong. */
export interface Act {
  readonly kind: "memcached" | "mysqlslave" | "redismaster";
  readonly tag: string;
  /** Who is there, in words. */
  readonly cast: string;
  readonly players: readonly Player[];
  /** Servers that no client is sent to. */
  readonly crew: readonly Player[];
  /** The kind's own keys of its `[[checker]]` table, as lines of TOML. */
  readonly table: readonly string[];
  /** Where clients connect. */
  readonly front: Target;
  /** One request of a client, on a connection of its own: the name of who answered. Throws when nobody did. */
  ask(): Promise<string>;
  /** Waits for what must be so before the first scene, where that is more than being published and answering. */
  ready?(): Promise<void>;
  readonly scenes: readonly Scene[];
  /** Watches what only this kind has; until `stop`. */
  watch?(tell: (source: Source, text: string) => void, stop: AbortSignal): Promise<void>;
  /** Who serves while nothing is wrong. */
  isAtBest(who: Player): boolean;
  /** What a person may try: words and a command. */
  tries(inUse: Player): readonly (readonly [words: string, command: string])[];
}

/** One thing that goes wrong, and who takes over. */
export interface Scene {
  readonly title: string;
  /** Why it matters, and what is about to be seen. */
  readonly why: string;
  /** What was done to the server, for the summary. */
  readonly fault: string;
  /** Does it to the one in use; what was done, in words. */
  strike(inUse: Player): Promise<string> | string;
  isHeir(player: Player): boolean;
  /** The server's port goes on answering: what HAProxy's own check says is shown. */
  readonly portAnswers?: true;
  /** What must happen before anybody can take over, where that is more than the fault. */
  readonly cue?: { readonly what: string; readonly said: string; fits(sighting: Sighting): boolean };
}

/** The act's key in the store. */
export function keyOf({ kind, tag }: Pick<Act, "kind" | "tag">): string {
  return `haproxy/${kind}/${tag}`;
}

/** Gives a running server its name. `mend` must do nothing to what is well. */
export function createPlayer(name: string, server: Server, dir: string, mend: () => Promise<void>): Player {
  const pidFile = join(dir, `${name}.pid`);
  const notePid = () => writeFileSync(pidFile, `${server.pid}\n`);
  notePid();
  return {
    name,
    server,
    pidFile,
    async mend() {
      await mend();
      notePid();
    },
  };
}

/** A crash. */
export function killPlayer({ name, server }: Player): string {
  process.kill(server.pid, "SIGKILL");
  return `${name} killed: kill -9 ${server.pid}`;
}
