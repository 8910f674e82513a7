import { describe } from "vitest";
import { mysqlslave } from "../../checkers/mysqlslave.ts";
import type { Target } from "../../src/core/targets.ts";
import { MONITOR, replicationSet, startMariadb } from "../support/mariadb.ts";
import { serviceContext } from "../support/service-context.ts";
import { checkerContract } from "./checker.ts";

// The beginning of a greeting (Protocol::HandshakeV10): 74 bytes, packet 0, protocol 10, then a version that never ends.
const beginning = Buffer.from([0x4a, 0x00, 0x00, 0x00, 0x0a, 0x35]);

checkerContract("mysqlslave (the master)", {
  open: (target) => service(target).open(target),
  start: () => startMariadb(),
  beginning,
  serverSpeaksFirst: true,
});

describe("of a replica", () => {
  /** Known by the time a replica of it is asked. */
  let master: Target = { host: "127.0.0.1", port: 3_306 };

  checkerContract("mysqlslave (a replica)", {
    open: (target) => service(master).open(target),
    async start() {
      const set = await replicationSet(1);
      master = { host: set.master.address, port: set.master.port };
      const [replica] = set.replicas;
      if (replica === undefined) throw new Error("one was asked for");
      return replica;
    },
    beginning,
    serverSpeaksFirst: true,
  });
});

function service(master: Target) {
  return mysqlslave.create({ host: master.host, port: master.port, ...MONITOR }, serviceContext());
}
