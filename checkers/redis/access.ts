import { readFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { AppError } from "../../src/core/errors.ts";
import type { OptionValues } from "../../src/core/option.ts";
import type { Connect } from "../../src/lib/kept-socket.ts";
import { encodeCommands } from "./resp.ts";
import { createTlsDoor } from "./tls-door.ts";

/** What a new connection needs: how it is opened, and the command that logs in, if there is one. */
export interface Entrance {
  readonly connect: Connect;
  readonly login: Buffer | undefined;
}

/** Knows how to get in. */
export interface Access {
  /** Asked for each new connection, so that a changed file counts from the next one on. Rejects in words, without secrets. */
  enter(signal: AbortSignal): Promise<Entrance>;
}

/** Who logs in where: the names of the three options, which messages are to mention. */
interface LoginNames {
  readonly user: string;
  readonly password: string;
  readonly passwordFile: string;
}

const FOR_SERVERS: LoginNames = { user: "user", password: "password", passwordFile: "password-file" };
const FOR_SENTINELS: LoginNames = {
  user: "sentinel-user",
  password: "sentinel-password",
  passwordFile: "sentinel-password-file",
};

/** How to get into the servers and into the Sentinels. Throws E_USAGE for options that make no sense together. */
export function createAccesses(options: OptionValues): { readonly servers: Access; readonly sentinels: Access } {
  const enter = createTlsDoor(options) ?? (async () => createConnection);
  const accessBy = (names: LoginNames): Access => {
    const login = createLogin(options, names);
    return {
      enter: async (signal) => {
        const [connect, words] = await Promise.all([enter(signal), login(signal)]);
        return { connect, login: words };
      },
    };
  };
  return { servers: accessBy(FOR_SERVERS), sentinels: accessBy(FOR_SENTINELS) };
}

type Login = (signal: AbortSignal) => Promise<Buffer | undefined>;

function createLogin(options: OptionValues, names: LoginNames): Login {
  const user = text(options[names.user]);
  const password = text(options[names.password]);
  const file = text(options[names.passwordFile]);
  if (password !== undefined && file !== undefined) {
    throw new AppError("E_USAGE", `the ${names.password} and --${names.passwordFile} are both given`);
  }
  if (file !== undefined) return async (signal) => auth(user, await readPassword(file, names.passwordFile, signal));
  if (password !== undefined) return async () => auth(user, password);
  if (user === undefined) return async () => undefined;
  throw new AppError("E_USAGE", `--${names.user} needs a password`, {
    hint: `give it with --${names.passwordFile} or in the environment`,
  });
}

/** With a user as Redis 6 and newer take it, without as all do. */
function auth(user: string | undefined, password: string): Buffer {
  return encodeCommands([user === undefined ? ["AUTH", password] : ["AUTH", user, password]]);
}

async function readPassword(file: string, option: string, signal: AbortSignal): Promise<string> {
  let content: string;
  try {
    content = await readFile(file, { encoding: "utf8", signal });
  } catch (error) {
    throw new Error(`cannot read --${option} (${(error as NodeJS.ErrnoException).code ?? "stopped"})`, {
      cause: error,
    });
  }
  const [password = ""] = content.split(/\r?\n/, 1);
  if (password === "") throw new Error(`--${option} is empty`);
  return password;
}

function text(value: OptionValues[string]): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
