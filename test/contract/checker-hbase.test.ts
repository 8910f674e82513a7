import { hbase } from "../../checkers/hbase.ts";
import { writeHbase } from "../support/hbase.ts";
import { serviceContext } from "../support/service-context.ts";
import { startZookeeper } from "../support/zookeeper.ts";
import { checkerContract } from "./checker.ts";

checkerContract("hbase", {
  // Without the time in which a ZooKeeper out of reach says nothing of HBase: the contract is about each single answer.
  open: ({ host, port }) =>
    hbase
      .create({ "zk-quorum": `${host}:${port}/hbase`, "zk-lost-after": 0 }, serviceContext())
      .open({ host: "192.0.2.1", port: 1 }),
  async start() {
    const zookeeper = await startZookeeper();
    const writer = await writeHbase(zookeeper);
    // Not of a session: it is to outlive a server that hangs or starts again.
    await writer.stay("a,1");
    return zookeeper;
  },
  // The length of a frame, then the protocol's version, then zeros without an end.
  beginning: Buffer.from([0x00, 0x00, 0x00, 0x25, 0x00]),
});
