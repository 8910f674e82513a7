import { memcached } from "../../checkers/memcached.ts";
import { startMemcached } from "../support/memcached.ts";
import { serviceContext } from "../support/service-context.ts";
import { checkerContract } from "./checker.ts";

checkerContract("memcached", {
  open: (target) => memcached.create({ server: [target] }, serviceContext()).open(target),
  start: () => startMemcached(),
  // A response to set: magic and opcode, then zeros without an end (a header is 24 bytes).
  beginning: Buffer.from([0x81, 0x01, 0x00]),
});
