import { findPlaces } from "../app/peers-places.ts";
import { readPeersStatus } from "../app/peers-status.ts";
import { judgePeers } from "../app/peers-verdict.ts";
import { PEERS_STATUS_FLAGS } from "../config/flags-peers.ts";
import type { Signals } from "../lib/process-signals.ts";
import { parseLine } from "./parse.ts";
import { readRequest } from "./peers-request.ts";
import { statusJson, statusText } from "./peers-words.ts";

const SHAPE = {
  name: "confd-haproxy peers status",
  summary:
    "Asks every HAProxy that shares a stick table which server is the writer, how well it is there, and with which peers it is connected.",
  flags: PEERS_STATUS_FLAGS,
  epilog: `A table without a row means that no client has come yet: nobody is the writer, and that is no fault.
Exit code: 0 they agree, on a server that is up, and are connected with each other; 1 not so, or one does not answer;
2 wrong usage or configuration.

Examples:
  confd-haproxy peers status                                  the only resource with [peers]
  confd-haproxy peers status --socket /run/haproxy/admin.sock --socket 10.0.0.6:9999`,
};

/** `confd-haproxy peers status …`: asks, prints, resolves to the exit code. */
export async function peersStatus(argv: readonly string[], signals: Signals): Promise<number> {
  const line = parseLine(SHAPE, argv);
  if (line === undefined) return 0;
  const { values, request, world } = await readRequest(PEERS_STATUS_FLAGS, line.flags, signals);
  const status = await readPeersStatus(await findPlaces(request, world), world);
  const verdict = judgePeers(status);
  process.stdout.write(values["json"] === true ? statusJson({ status, verdict }) : statusText({ status, verdict }));
  return verdict.isGood ? 0 : 1;
}
