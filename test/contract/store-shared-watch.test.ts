import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, beforeEach } from "vitest";
import type { Store } from "../../src/core/store.ts";
import type { StoreOptions } from "../../src/core/store-options.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { openStore } from "../../src/stores/open.ts";
import { createSharedWatch } from "../../src/stores/shared-watch.ts";
import { createCaptureLogger } from "../support/capture-logger.ts";
import { type Consul, startConsul } from "../support/consul.ts";
import { tempDir } from "../support/temp-dir.ts";
import { storeContract } from "./store.ts";
import { lockContract } from "./store-locks.ts";

const open = async (options: StoreOptions): Promise<Store> =>
  createSharedWatch(await openStore(options, { clock: systemClock, logger: createCaptureLogger() }), systemClock);

storeContract("a folder of files, watched for many tags", async () => {
  const root = join(tempDir("files"), "entries");
  mkdirSync(root);
  return {
    store: await open({ type: "file", path: root }),
    other: () => open({ type: "file", path: root }),
    async putByHand(key, value) {
      const path = join(root, key);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, `${value}\n`);
    },
    async destroy() {
      rmSync(root, { recursive: true });
    },
  };
});

let consul: Consul | undefined;
beforeAll(async () => {
  consul = await startConsul();
});
beforeEach(async () => {
  if (consul?.running === false) await consul.restart();
  await consul?.kv.deleteAll("");
});

async function onConsul() {
  if (consul === undefined) throw new Error("Consul was not started");
  const { address, port, kv, kill } = consul;
  const make = () => open({ type: "consul", addresses: [{ host: address, port }], consistency: "default" });
  return { store: await make(), other: make, putByHand: kv.put, destroy: kill };
}
storeContract("Consul, watched for many tags", onConsul);
lockContract("Consul, watched for many tags", onConsul);
