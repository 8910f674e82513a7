import { readFileSync } from "node:fs";
import type { Probe, Service } from "../../src/core/checker.ts";
import { isHost } from "../../src/core/entry.ts";
import { AppError } from "../../src/core/errors.ts";
import type { OptionValues } from "../../src/core/option.ts";
import { type Target, targetName } from "../../src/core/targets.ts";
import { createHttpGetter } from "../../src/lib/http-get.ts";
import { type HttpRules, judge } from "./judge.ts";

/** Far more than any health page has. */
const MAX_BYTES = 65_536;

/** Where the servers of a tag are asked, and how their answers are judged. */
export interface HttpPlan {
  readonly urls: readonly URL[];
  /** Where clients go, if not to the port of the URL. */
  readonly serverPort: number | undefined;
  readonly rules: HttpRules;
  readonly headers: Readonly<Record<string, string>>;
  readonly ca: string | undefined;
  readonly verify: boolean;
}

/** Each URL is a server. Throws E_USAGE for two URLs of one server. */
export function createHttpService(plan: HttpPlan): Service {
  const byName = new Map<string, { readonly target: Target; readonly url: URL }>();
  for (const url of plan.urls) {
    const target = targetOf(url, plan.serverPort);
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

function openProbe(url: URL, { rules, headers, ca, verify }: HttpPlan): Probe {
  let lost: (reason: string) => void = () => {};
  const onLost = (reason: string) => lost(reason);
  const getter = createHttpGetter({
    maxBytes: MAX_BYTES,
    headers,
    verify,
    onLost,
    ...(ca === undefined ? {} : { ca }),
  });
  return {
    check: async ({ signal }) => judge(await getter.get(url, signal), rules),
    onLost(listener) {
      lost = listener;
    },
    async close() {
      getter.close();
    },
  };
}

/** Reads `http://h:p/path,https://h/path`. Throws E_USAGE. */
export function parseUrls(text: unknown, what: string): readonly URL[] {
  const words = typeof text === "string" ? text.split(",").flatMap((word) => word.trim() || []) : [];
  if (words.length === 0) throw new AppError("E_USAGE", `${what} must name a URL`);
  return words.map((word) => {
    const url = URL.canParse(word) ? new URL(word) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol) || !isHost(hostOf(url))) {
      throw new AppError("E_USAGE", `${what}: "${word.replace(/\/\/.*@/, "//")}" is not a URL of HTTP`, {
        hint: "write http://host:port/path, several with commas between them",
      });
    }
    if (url.username !== "" || url.password !== "") {
      throw new AppError("E_USAGE", `${what}: a password does not belong into a URL`, {
        hint: "use the option header",
      });
    }
    return url;
  });
}

/** Reads `Name: value` lines, one per line. Throws E_USAGE without showing a value. */
export function parseHeaders(text: unknown): Readonly<Record<string, string>> {
  if (typeof text !== "string") return {};
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return Object.fromEntries(
    lines.map((line) => {
      const [, name, value] = /^([A-Za-z0-9-]+): *([\x20-\x7e]*)$/.exec(line.trim()) ?? [];
      if (name === undefined || value === undefined) throw new AppError("E_USAGE", "header: write Name: value");
      return [name, value];
    }),
  );
}

/** Throws E_CONFIG for a file that cannot be read. */
export function readCa(path: unknown): string | undefined {
  if (typeof path !== "string") return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new AppError("E_CONFIG", `--ssl-ca: cannot read ${path}`, { cause });
  }
}

/** Throws E_USAGE for what is no port. */
export function portOf(options: OptionValues, name: string): number | undefined {
  const port = options[name];
  if (port === undefined) return undefined;
  if (typeof port === "number" && port >= 1 && port <= 65_535) return port;
  throw new AppError("E_USAGE", `--${name} must be a port from 1 to 65535`);
}

function targetOf(url: URL, serverPort: number | undefined): Target {
  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
  return { host: hostOf(url), port: serverPort ?? port };
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1");
}
