import type { Consul } from "./consul.ts";
import { eventually } from "./eventually.ts";
import { releaseLater } from "./releases.ts";

/** One state of a key, as Consul showed it. */
export interface Version {
  readonly index: number;
  /** Undefined: the key was not there. */
  readonly value: string | undefined;
  /** The session that held it, if any. */
  readonly session: string | undefined;
}

/** What became of a key, written down by somebody who takes no part. */
export interface KvHistory {
  readonly versions: readonly Version[];
  readonly latest: Version | undefined;
  /** Waits until the last word is Consul's present one: nothing that was written before is missing behind it. */
  caughtUp(): Promise<void>;
}

interface RawVersion {
  readonly ModifyIndex: number;
  readonly Value: string | null;
  readonly Session?: string;
}

/**
 * Follows a key by blocking queries without any rest between them. Two writes within a millisecond may be seen as one;
 * a test waits with {@link KvHistory.caughtUp} before it does what must not be mixed up with what was before.
 */
export function followHistory(consul: Consul, key: string): KvHistory {
  const versions: Version[] = [];
  let over = false;
  let index = 0;
  const ask = async (query: string) => {
    const reply = await consul.request(`/v1/kv/${key}?${query}`);
    const [raw] = reply.status === 404 ? [] : ((await reply.json()) as RawVersion[]);
    return { raw, index: Number(reply.headers.get("x-consul-index")) };
  };
  const follow = async () => {
    while (!over) {
      const answer = await ask(`index=${index}&wait=2s`);
      index = answer.index;
      const version = toVersion(answer.raw);
      if (versions.length === 0 || versions.at(-1)?.index !== version.index) versions.push(version);
    }
  };
  const following = follow().catch((error: unknown) => {
    if (!over) throw error;
  });
  releaseLater("history", async () => {
    over = true;
    await following;
  });
  return {
    versions,
    get latest() {
      return versions.at(-1);
    },
    async caughtUp() {
      await eventually("the history to be complete", async () => {
        const { raw } = await ask("consistent");
        return versions.at(-1)?.index === toVersion(raw).index;
      });
    },
  };
}

function toVersion(raw: RawVersion | undefined): Version {
  if (raw === undefined) return { index: 0, value: undefined, session: undefined };
  const value = Buffer.from(raw.Value ?? "", "base64").toString("utf8");
  return { index: raw.ModifyIndex, value, session: raw.Session };
}
