import { AppError } from "../../src/core/errors.ts";
import { parseTargets, type Target } from "../../src/core/targets.ts";
import { withDeadline } from "../../src/lib/deadline.ts";
import type { ZkQuestion, ZkReply } from "./zk-frames.ts";
import { openLink, type ZkLink, type ZkListener } from "./zk-link.ts";

/** Where ZooKeeper is, as its own clients write it. */
export interface QuorumAddress {
  readonly members: readonly Target[];
  /** Stands before all paths: `/hbase`; empty for none. */
  readonly chroot: string;
}

/** A member that hangs must leave the others time to answer, and all of them must leave some to judge that. */
const SHARED = 0.8;

/** ZooKeeper's usual port for clients. */
const USUAL_PORT = 2_181;

/** Reads `h:p,h:p/chroot`; a member without a port has 2181. Throws E_USAGE. */
export function parseQuorum(text: unknown): QuorumAddress {
  const [, hosts = "", chroot = ""] = /^([^/]+)(\/.*)?$/.exec(typeof text === "string" ? text.trim() : "") ?? [];
  const path = chroot.replace(/\/+$/, "");
  if (hosts === "" || path.includes("//")) {
    throw new AppError("E_USAGE", `--zk-quorum: "${String(text ?? "")}" is not understood`, {
      hint: "write host:port,host:port/hbase",
    });
  }
  const words = hosts
    .split(",")
    .map((word) => (/:\d+$/.test(word.trim()) ? word.trim() : `${word.trim()}:${USUAL_PORT}`));
  return { members: parseTargets(words.join(","), "--zk-quorum"), chroot: path };
}

/** All members as one: asked in turn until one answers, the one that answered last first. */
export interface Quorum {
  /** Rejects with what the last of them failed with, and with the signal's reason. */
  ask(
    questions: readonly ZkQuestion[],
    call: { readonly signal: AbortSignal; readonly timeoutMs: number },
  ): Promise<readonly ZkReply[]>;
  close(): void;
}

/** Connects nothing yet. */
export function createQuorum(members: readonly Target[], listener: ZkListener): Quorum {
  let current = 0;
  let link: ZkLink | undefined;
  let closed = false;

  function linkTo(target: Target): ZkLink {
    if (link === undefined || link.isOver) link = openLink(target, listener);
    return link;
  }

  function next(): void {
    link?.close();
    link = undefined;
    current = (current + 1) % members.length;
  }

  return {
    async ask(questions, { signal, timeoutMs }) {
      let failure: unknown;
      const shareMs = Math.max(1, (timeoutMs * SHARED) / members.length);
      for (let tries = 0; tries < members.length; tries++) {
        const target = members[current];
        if (closed || target === undefined) throw new Error("the connection was closed by this side");
        try {
          return await withDeadline("ZooKeeper", shareMs, signal, (inner) => linkTo(target).ask(questions, inner));
        } catch (error) {
          signal.throwIfAborted();
          failure = error;
          next();
        }
      }
      throw failure;
    },
    close() {
      closed = true;
      link?.close();
    },
  };
}
