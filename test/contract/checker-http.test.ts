import { http } from "../../checkers/http.ts";
import type { Target } from "../../src/core/targets.ts";
import { startHealthServer } from "../support/http-health.ts";
import { serviceContext } from "../support/service-context.ts";
import { checkerContract } from "./checker.ts";

checkerContract("http", {
  open: (target: Target) =>
    http.create({ url: `http://${target.host}:${target.port}/health` }, serviceContext()).open(target),
  start: () => startHealthServer(),
  somethingElse: "SSH-2.0-OpenSSH_9.2\r\n",
  // The last byte goes on: a head that never ends.
  beginning: Buffer.from("HTTP/1.1 200 OK\r\nx-slow: y"),
});
