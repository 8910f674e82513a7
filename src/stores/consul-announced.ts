import { AppError } from "../core/errors.ts";
import type { Announcement } from "../core/store.ts";
import type { BoundedCall } from "./consul-client.ts";
import type { LockRequests, RawPair } from "./consul-lock-request.ts";

/** An announcement as its maker sees it. */
export interface Announced extends Announcement {
  lose(reason: string): void;
  /** Looks whether the key is as it should be, if there is a doubt; at least once more for each call. */
  look(): void;
  /** Makes up for a look that failed. */
  recheck(): void;
}

/** What it is made of. */
export interface AnnouncedParts {
  readonly key: string;
  readonly value: string;
  /** Our session; undefined: somebody else holds the key. */
  readonly id: string | undefined;
  readonly requests: LockRequests;
  /** For looks at the key. */
  readonly call: BoundedCall;
  /** Called once, when it is of no more use. */
  left(): void;
}

/** An announcement of a key that is as it should be. */
export function createAnnounced({ key, value, id, requests, call, left }: AnnouncedParts): Announced {
  let over = false;
  let looking = false;
  let doubtful = false;
  let tellLost: (reason: string) => void = () => {};
  const lost = new Promise<string>((resolve) => {
    tellLost = resolve;
  });

  function end(): void {
    over = true;
    left();
  }

  function lose(reason: string): void {
    if (over) return;
    end();
    tellLost(reason);
  }

  /** What a watch has seen may be from before the last write: a look at the key decides. */
  function look(): void {
    doubtful = true;
    if (looking || over) return;
    looking = true;
    doubtful = false;
    const settle = (raw: RawPair | undefined) => {
      looking = false;
      if (raw === undefined) lose("somebody deleted the key, or its session ended");
      else if (textOf(raw) !== value) lose("somebody overwrote the key");
      else if (raw.Session === undefined) lose("no session holds the key");
      else if (doubtful) look();
    };
    requests.read(key, call).then(settle, (error: unknown) => {
      looking = false;
      doubtful = true;
      if (!(error instanceof AppError)) lose(String(error));
    });
  }

  return {
    lost,
    lose,
    look,
    recheck() {
      if (doubtful) look();
    },
    async withdraw(within) {
      if (over) return;
      end();
      if (id === undefined) return;
      const mine = { Verb: "check-session", Key: key, Session: id } as const;
      // Refused: it is not ours any more, and nothing is to be done.
      await requests.commit([mine, { Verb: "delete", Key: key }], {
        signal: within.signal,
        timeoutMs: within.timeoutMs ?? call.timeoutMs,
      });
    },
  };
}

/** The value as it was written. */
export function textOf({ Value: value }: RawPair): string {
  return Buffer.from(value ?? "", "base64").toString("utf8");
}
