import type { Probe, Service } from "../../src/core/checker.ts";
import { AppError } from "../../src/core/errors.ts";
import { type Target, targetName } from "../../src/core/targets.ts";
import { createHttpGetter } from "../../src/lib/http-get.ts";
import { type HttpAsking, hostOf } from "./asking-options.ts";
import { type HttpRules, judge, readsDocument } from "./judge.ts";
import { troubleVerdict } from "./trouble.ts";

/** Far more than any health page has. */
const MAX_BYTES = 65_536;

/** Where the servers of a tag are asked, and how their answers are judged. */
export interface HttpPlan {
  readonly asking: HttpAsking;
  readonly rules: HttpRules;
  /** What it means when nobody listens there. */
  readonly onRefused: "down" | "drain" | "unknown";
}

/** Each URL is a server. Throws E_USAGE for two URLs of one server. */
export function createHttpService(plan: HttpPlan): Service {
  const { urls, serverPort } = plan.asking;
  const byName = new Map<string, { readonly target: Target; readonly url: URL }>();
  for (const url of urls) {
    const target = targetOf(url, serverPort);
    const name = targetName(target);
    if (byName.has(name)) throw new AppError("E_USAGE", `--url: ${name} is named twice`);
    byName.set(name, { target, url });
  }
  const targets = [...byName.values()].map(({ target }) => target);
  return {
    discover: async () => targets,
    open(target) {
      const url = byName.get(targetName(target))?.url;
      if (url === undefined) throw new AppError("E_INTERNAL", `there is no URL for ${targetName(target)}`);
      return openProbe(url, plan);
    },
    close: async () => {},
  };
}

function openProbe(url: URL, { asking, rules, onRefused }: HttpPlan): Probe {
  const { headers, ca, verify } = asking;
  const wantsJson = readsDocument(rules);
  let lost: (reason: string) => void = () => {};
  const getter = createHttpGetter({
    maxBytes: MAX_BYTES,
    // A code is enough: the page may then be as long as it likes.
    excess: wantsJson ? "error" : "ignored",
    // Some pages are there in several languages (JAX-RS); a server's log says who asked.
    headers: { "user-agent": "confd-haproxy", ...(wantsJson ? { accept: "application/json" } : {}), ...headers },
    verify,
    onLost: (reason) => lost(reason),
    ...(ca === undefined ? {} : { ca }),
  });
  return {
    async check({ signal }) {
      try {
        return judge(await getter.get(url, signal), rules);
      } catch (error) {
        signal.throwIfAborted();
        const verdict = troubleVerdict(error, onRefused);
        if (verdict !== undefined) return verdict;
        throw error;
      }
    },
    onLost(listener) {
      lost = listener;
    },
    async close() {
      getter.close();
    },
  };
}

function targetOf(url: URL, serverPort: number | undefined): Target {
  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
  return { host: hostOf(url), port: serverPort ?? port };
}
