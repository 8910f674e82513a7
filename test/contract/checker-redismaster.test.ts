import { redismaster } from "../../checkers/redismaster.ts";
import { startRedis } from "../support/redis.ts";
import { serviceContext } from "../support/service-context.ts";
import { checkerContract } from "./checker.ts";

checkerContract("redismaster", {
  open: (target) => redismaster.create({ server: [target] }, serviceContext()).open(target),
  start: () => startRedis(),
  beginning: Buffer.from("+PONG"),
});
