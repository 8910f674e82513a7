import { expect, test } from "vitest";
import { reloadByMaster } from "../../src/haproxy/reload-master.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { askedAt } from "../support/asked.ts";
import { haproxyHead, startHaproxy } from "../support/haproxy.ts";
import { loopbackPrefix } from "../support/loopback.ts";

const call = { signal: new AbortController().signal, clock: systemClock, timeoutMs: 10_000 };

test("good", async () => {
  const net = await loopbackPrefix();
  const config = (extra: string) => (place: Parameters<typeof haproxyHead>[0]) =>
    `${haproxyHead(place)}listen l\n    bind ${net}.1:20001\n    server s1 ${net}.2:20101\n${extra}`;
  const haproxy = await startHaproxy({ config: config(""), masterWorker: true });
  const master = askedAt(haproxy.masterSocket);
  for (let i = 0; i < 5; i++) console.log(await reloadByMaster(master, call));
  haproxy.writeConfig(config("    servr x\n")(haproxy));
  console.log(await reloadByMaster(master, call));
  haproxy.writeConfig(config("")(haproxy));
  console.log(await reloadByMaster(master, call));
  console.log(await Promise.all([1, 2, 3, 4].map(() => reloadByMaster(master, call))));
  expect(1).toBe(1);
});
