import { hbase } from "../../checkers/hbase.ts";
import { ask } from "../../src/check/probe.ts";
import type { OptionValues } from "../../src/core/option.ts";
import type { Verdict } from "../../src/core/verdict.ts";
import { releaseLater } from "./releases.ts";
import { serviceContext } from "./service-context.ts";

/** A checker of an HBase cluster that a test asks by hand. */
export interface HbaseChecker {
  /** What it was told of by itself: of changes, and of lost connections. */
  readonly news: string[];
  readonly losses: string[];
  look(timeoutMs?: number): Promise<Verdict>;
}

const PATIENCE_MS = 5_000;

/** Connects at the first look; ends with the test. */
export async function checkHbase(zkQuorum: string, options: OptionValues = {}): Promise<HbaseChecker> {
  const never = new AbortController().signal;
  const service = hbase.create({ "zk-quorum": zkQuorum, ...options }, serviceContext());
  const [target] = await service.discover({ signal: never });
  if (target === undefined) throw new Error("there is always one");
  const probe = service.open(target);
  const news: string[] = [];
  const losses: string[] = [];
  service.onNews?.((reason) => news.push(reason));
  probe.onLost?.((reason) => losses.push(reason));
  releaseLater("hbase checker", () => service.close());
  return { news, losses, look: (timeoutMs = PATIENCE_MS) => ask(probe, timeoutMs, never) };
}
