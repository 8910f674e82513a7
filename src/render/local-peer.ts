import { hostname } from "node:os";
import type { Call } from "../core/call.ts";
import { AppError } from "../core/errors.ts";
import type { Haproxy } from "../core/haproxy.ts";
import type { PeersSettings } from "../core/peers.ts";

/** What the HAProxies of a resource are called among their peers. */
export interface LocalNames {
  /** One for each; at least one. */
  readonly names: readonly string[];
  /** Who says so. */
  readonly from: "settings" | "haproxy" | "host name";
  /** False: HAProxy could not be asked, and may say another name when it can. */
  readonly certain: boolean;
}

/** Tells the names; never throws but the signal's reason. */
export type LocalPeer = (call: Call) => Promise<LocalNames>;

/** HAProxy answers at once; one that hangs must not hold up the file, ms. */
const TIMEOUT_MS = 1_000;

/** By `local`, else HAProxy's own word; while it does not run, what it said last, else the host name, which it takes too. */
export function createLocalPeer(settings: PeersSettings | undefined, haproxy: Haproxy | undefined): LocalPeer {
  const local = settings?.local;
  if (local !== undefined) return async () => ({ names: [local], from: "settings", certain: true });
  let heard: readonly string[] | undefined;
  return async ({ signal }) => {
    if (haproxy === undefined) return { names: [hostname()], from: "host name", certain: true };
    try {
      heard = await haproxy.localPeers({ signal, timeoutMs: TIMEOUT_MS });
      return { names: heard, from: "haproxy", certain: true };
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof AppError)) throw error;
    }
    if (heard !== undefined) return { names: heard, from: "haproxy", certain: false };
    return { names: [hostname()], from: "host name", certain: false };
  };
}
