import { readFileSync } from "node:fs";
import { isHost } from "../../src/core/entry.ts";
import { AppError } from "../../src/core/errors.ts";
import type { OptionSpec, OptionValues } from "../../src/core/option.ts";

/** The URL of each server is asked in this way. */
export interface HttpAsking {
  readonly urls: readonly URL[];
  /** Where clients go, if not to the port of the URL. */
  readonly serverPort: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** PEM; undefined: those that Node trusts. */
  readonly ca: string | undefined;
  readonly verify: boolean;
}

/** What every kind that asks over HTTP may be told beside its URLs. */
export const ASKING_OPTIONS: readonly OptionSpec[] = [
  {
    name: "server-port",
    type: "integer",
    argument: "PORT",
    description: "port of the servers themselves, if it is not that of the URLs",
  },
  { name: "header", type: "string", secret: true, description: "headers to ask with, Name: value, one per line" },
  { name: "ssl-ca", type: "string", argument: "PATH", description: "with https: the CA to trust" },
  { name: "ssl-verify", type: "boolean", default: true, description: "check the certificate of an https URL" },
];

/** Reads `url` and {@link ASKING_OPTIONS}. Throws E_USAGE, and E_CONFIG for a CA that cannot be read. */
export function readAsking(options: OptionValues): HttpAsking {
  return {
    urls: parseUrls(options["url"]),
    serverPort: portOf(options["server-port"]),
    headers: parseHeaders(options["header"]),
    ca: readCa(options["ssl-ca"]),
    verify: options["ssl-verify"] !== false,
  };
}

/** The text of an option, or what it is without one. */
export function textOf(specs: readonly OptionSpec[], options: OptionValues, name: string): string {
  return String(options[name] ?? specs.find((spec) => spec.name === name)?.default ?? "");
}

/** The host of a URL, an IPv6 address without its brackets. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1");
}

function parseUrls(text: unknown): readonly URL[] {
  const words = typeof text === "string" ? text.split(",").flatMap((word) => word.trim() || []) : [];
  if (words.length === 0) throw new AppError("E_USAGE", "--url must name a URL");
  return words.map(parseUrl);
}

function parseUrl(word: string): URL {
  const url = URL.canParse(word) ? new URL(word) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || !isHost(hostOf(url))) {
    throw new AppError("E_USAGE", `--url: "${word.replace(/\/\/.*@/, "//")}" is not a URL of HTTP`, {
      hint: "write http://host:port/path, several with commas between them, and %2C for a comma in a URL",
    });
  }
  if (url.username === "" && url.password === "") return url;
  throw new AppError("E_USAGE", "--url: a password does not belong into a URL", { hint: "use the option header" });
}

/** Throws without showing a value. */
function parseHeaders(text: unknown): Readonly<Record<string, string>> {
  if (typeof text !== "string") return {};
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return Object.fromEntries(
    lines.map((line) => {
      const [, name, value] = /^([A-Za-z0-9-]+): *([\x20-\x7e]*)$/.exec(line.trim()) ?? [];
      if (name === undefined || value === undefined) throw new AppError("E_USAGE", "header: write Name: value");
      return [name.toLowerCase(), value];
    }),
  );
}

function readCa(path: unknown): string | undefined {
  if (typeof path !== "string") return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new AppError("E_CONFIG", `--ssl-ca: cannot read ${path}`, { cause });
  }
}

function portOf(port: OptionValues[string]): number | undefined {
  if (port === undefined) return undefined;
  if (typeof port === "number" && port >= 1 && port <= 65_535) return port;
  throw new AppError("E_USAGE", "--server-port must be a port from 1 to 65535");
}
