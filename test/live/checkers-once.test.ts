import { expect, test } from "vitest";
import { memcached } from "../../checkers/memcached.ts";
import { runCheckersOnce } from "../../src/app/checkers-once.ts";
import { planOne } from "../../src/app/checkers-one.ts";
import { AppError } from "../../src/core/errors.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { createCaptureLogger } from "../support/capture-logger.ts";
import { freePort, loopbackPrefix } from "../support/loopback.ts";
import { startMemcached } from "../support/memcached.ts";

/** What one round with these flags fails with, where nobody listens at the Consul that is meant. */
async function failureWith(flags: Readonly<Record<string, unknown>>): Promise<AppError> {
  const host = `${await loopbackPrefix()}.2`;
  const { server } = await startMemcached();
  const line = { flags: { tag: "mem1", server, once: true, ...flags }, env: {} };
  const plan = await planOne(memcached, line, systemClock);
  if (plan.store?.type !== "consul") throw new Error("it has no Consul");
  // The default one is an address of the whole machine.
  const store = { ...plan.store, addresses: [{ host, port: await freePort(host) }] };
  const world = { clock: systemClock, logger: createCaptureLogger(), onHangup: () => {} };
  const [result] = await runCheckersOnce({ ...plan, store }, { ...world, stop: new AbortController().signal });
  const failure = result !== undefined && "failure" in result.outcome ? result.outcome.failure : undefined;
  if (failure instanceof AppError) return failure;
  throw new Error("it did not fail");
}

test("one round for which no store is named, and no Consul is there, says how to go without", async () => {
  const { code, exitCode, hint } = await failureWith({});
  expect([code, exitCode]).toEqual(["E_STORE_UNREACHABLE", 1]);
  expect(hint).toBe(
    "no store is named, so it is Consul on this machine; --store none only checks the servers, --consul or --store name another",
  );
});

test("one round whose store is named and away says how to mend that", async () => {
  const { hint } = await failureWith({ consul: "127.0.0.1:8500" });
  expect(hint).toMatch(/is Consul running/);
});
