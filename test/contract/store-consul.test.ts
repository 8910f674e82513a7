import { beforeAll, beforeEach, describe } from "vitest";
import type { StoreOptions } from "../../src/core/store-options.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { openStore } from "../../src/stores/open.ts";
import { createCaptureLogger } from "../support/capture-logger.ts";
import { type Consul, startConsul } from "../support/consul.ts";
import { storeContract } from "./store.ts";
import { lockContract } from "./store-locks.ts";

const WRITE_ALL = 'key_prefix "" { policy = "write" } session_prefix "" { policy = "write" }';

describe.each([
  { name: "Consul 1.8", acl: false },
  { name: "Consul 1.8 with ACLs", acl: true },
])("$name", ({ name, acl }) => {
  let consul: Consul;
  let token: string | undefined;

  const start = async () => {
    // A test may have killed it, and a Consul in memory has then forgotten its tokens too.
    if (consul === undefined) consul = await startConsul({ acl });
    else await consul.restart();
    token = acl ? await consul.createToken("all", WRITE_ALL) : undefined;
  };
  const open = () => {
    const addresses = [{ host: consul.address, port: consul.port }];
    const options: StoreOptions = { type: "consul", addresses, consistency: "default" };
    const deps = { clock: systemClock, logger: createCaptureLogger() };
    return openStore(token === undefined ? options : { ...options, token }, deps);
  };

  beforeAll(start);
  beforeEach(async () => {
    if (!consul.running) await start();
    await consul.kv.deleteAll("");
  });

  const make = async () => ({
    store: await open(),
    other: open,
    putByHand: (key: string, value: string) => consul.kv.put(key, value),
    destroy: () => consul.kill(),
  });
  storeContract(name, make);
  lockContract(name, make);
});
