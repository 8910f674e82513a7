import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import type { SecureContext, SecureContextOptions } from "node:tls";
import { AppError } from "../../src/core/errors.ts";
import type { OptionValues } from "../../src/core/option.ts";
import type { Connect } from "../../src/lib/kept-socket.ts";

/** The files of certificates, and what is made of each. */
const FILES = { "redis-ca-file": "ca", "redis-cert-file": "cert", "redis-key-file": "key" } as const;

type FileOption = keyof typeof FILES;

/** How to open the next connection. Rejects in words when a file cannot be read or used. */
export type TlsDoor = (signal: AbortSignal) => Promise<Connect>;

/**
 * Undefined when the options ask for no TLS. The files are read for each connection, so that a renewed certificate
 * counts from the next one on. Throws E_USAGE for options that make no sense together.
 */
export function createTlsDoor(options: OptionValues): TlsDoor | undefined {
  const given = Object.keys(FILES).filter((name): name is FileOption => typeof options[name] === "string");
  const serverName = options["redis-server-name"];
  if (options["redis-tls"] !== true) {
    const stray = typeof serverName === "string" ? "redis-server-name" : given[0];
    if (stray !== undefined) throw new AppError("E_USAGE", `--${stray} says nothing without --redis-tls`);
    return undefined;
  }
  if (given.includes("redis-cert-file") !== given.includes("redis-key-file")) {
    throw new AppError("E_USAGE", "--redis-cert-file and --redis-key-file belong together");
  }
  let last: { readonly pem: string; readonly context: SecureContext } | undefined;
  return async (signal) => {
    const [tls, pems] = await Promise.all([
      import("node:tls"),
      Promise.all(given.map((name) => readPem(name, String(options[name]), signal))),
    ]);
    const pem = pems.join("\n");
    if (last?.pem !== pem) last = { pem, context: tls.createSecureContext(secrets(given, pems)) };
    const { context } = last;
    return (to) => {
      const servername = typeof serverName === "string" ? serverName : nameOf(to.host);
      const socket = tls.connect({
        ...to,
        secureContext: context,
        ...(servername === undefined ? {} : { servername }),
      });
      // Nothing, above all no password, is said before it is known to whom.
      socket.cork();
      socket.once("secureConnect", () => socket.uncork());
      return socket;
    };
  };
}

function secrets(names: readonly FileOption[], pems: readonly string[]): SecureContextOptions {
  return Object.fromEntries(names.map((name, at) => [FILES[name], pems[at]]));
}

/** What SNI may carry: a name, never an address (RFC 6066, section 3). */
function nameOf(host: string | undefined): string | undefined {
  return host === undefined || isIP(host) !== 0 ? undefined : host;
}

async function readPem(option: FileOption, file: string, signal: AbortSignal): Promise<string> {
  try {
    return await readFile(file, { encoding: "utf8", signal });
  } catch (error) {
    throw new Error(`cannot read --${option} (${(error as NodeJS.ErrnoException).code ?? "stopped"})`, {
      cause: error,
    });
  }
}
