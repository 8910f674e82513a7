import { mysqlslave } from "../../checkers/mysqlslave.ts";
import { ask } from "../../src/check/probe.ts";
import type { Probe, Service } from "../../src/core/checker.ts";
import type { OptionValues } from "../../src/core/option.ts";
import { type Target, targetName } from "../../src/core/targets.ts";
import type { Verdict } from "../../src/core/verdict.ts";
import { type CaptureLogger, createCaptureLogger } from "./capture-logger.ts";
import { eventually } from "./eventually.ts";
import { MONITOR } from "./mariadb.ts";
import { releaseLater } from "./releases.ts";
import type { Server } from "./server.ts";
import { serviceContext } from "./service-context.ts";

/** A service of the kind without a group around it: a test asks when it likes. */
export interface AskedService {
  readonly service: Service;
  readonly logger: CaptureLogger;
  /** The names of the targets, by one discovery. */
  discover(published?: Target): Promise<string[]>;
  /** Asks one server, on a probe that is kept. */
  verdict(server: Place): Promise<Verdict>;
  /** Asks until it is up, or until the reason matches. */
  until(server: Place, wanted: "up" | RegExp): Promise<Verdict>;
}

/** Where a server is, whoever made it. */
export type Place = Pick<Server, "address" | "port">;

/** Far more than a server on this machine needs. */
const PATIENCE_MS = 5_000;

/** Watches the replicas of `master`; let go of with the test. */
export function watchReplicas(master: Place, values: OptionValues = {}): AskedService {
  const logger = createCaptureLogger();
  const options = { host: master.address, port: master.port, ...MONITOR, ...values };
  const service = mysqlslave.create(options, serviceContext({ logger }));
  const probes = new Map<string, Probe>();
  const never = new AbortController().signal;
  releaseLater("service", async () => {
    for (const probe of probes.values()) await probe.close();
    await service.close();
  });

  function verdict({ address, port }: Place): Promise<Verdict> {
    const target = { host: address, port };
    const name = targetName(target);
    const probe = probes.get(name) ?? service.open(target);
    probes.set(name, probe);
    return ask(probe, PATIENCE_MS, never);
  }

  return {
    service,
    logger,
    async discover(published) {
      const hint = published === undefined ? {} : { published };
      const targets = await service.discover({ signal: never, timeoutMs: PATIENCE_MS, ...hint });
      return targets.map(targetName);
    },
    verdict,
    until: (server, wanted) =>
      eventually(`${server.address} is ${String(wanted)}`, async () => {
        const found = await verdict(server);
        if (wanted === "up" ? found.state === "up" : wanted.test(found.reason)) return found;
        // What `eventually` shows when its time is over.
        throw new Error(`${found.state}: ${found.reason}`);
      }),
  };
}
