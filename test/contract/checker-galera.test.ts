import { galera } from "../../checkers/galera.ts";
import { startGalera } from "../support/galera.ts";
import { MONITOR } from "../support/mariadb.ts";
import { serviceContext } from "../support/service-context.ts";
import { checkerContract } from "./checker.ts";

checkerContract("galera", {
  open: (target) => galera.create({ server: [target], ...MONITOR }, serviceContext()).open(target),
  async start() {
    const [node] = await startGalera(1);
    if (node === undefined) throw new Error("one was asked for");
    return node;
  },
  // The beginning of a greeting (Protocol::HandshakeV10): 74 bytes, packet 0, protocol 10, then a version that never ends.
  beginning: Buffer.from([0x4a, 0x00, 0x00, 0x00, 0x0a, 0x35]),
  serverSpeaksFirst: true,
});
