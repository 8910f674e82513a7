import { join } from "node:path";
import { type RenderRequest, runRender } from "../app/render.ts";
import { readConfigFile } from "../config/config-file.ts";
import { environment } from "../config/env.ts";
import { RENDER_FLAGS } from "../config/flags-render.ts";
import { resolveOptions, type Values } from "../config/resolve.ts";
import { defaultStateDir } from "../config/state-dir.ts";
import { storeOptions } from "../config/store.ts";
import { AppError } from "../core/errors.ts";
import type { Missing } from "../core/template-engine.ts";
import type { Signals } from "../lib/process-signals.ts";
import { systemClock } from "../lib/system-clock.ts";
import { createSupervisor } from "../observe/systemd.ts";
import { type CommandShape, parseLine } from "./parse.ts";
import { openLogger, wantsColour } from "./world.ts";

const SHAPE: CommandShape = {
  name: "render",
  summary:
    "Renders HAProxy configuration (or any file) from Consul KV or a folder: each conf.d/*.toml says which template becomes which file, what checks it and what reloads it. A file that check_cmd refuses never reaches its dest.",
  flags: RENDER_FLAGS,
  epilog: `Every option is also an environment variable (--log-level: CONFD_HAPROXY_LOG_LEVEL) and a key of the config file.
Flags beat environment beats file. Exit code: 0 done, 1 something failed, 2 wrong usage or configuration.

Examples:
  render --watch --consul localhost:8500            follow Consul, as a service
  render --onetime --store file:kv-dump.json        once, in CI, without any server
  render --noop --diff                              what would change?`,
};

/** `render …`: parses its words, runs it, resolves to the exit code. */
export async function renderCommand(argv: readonly string[], signals: Signals): Promise<number> {
  const line = parseLine(SHAPE, argv);
  if (line === undefined) return 0;
  const env = environment();
  const values = readValues(line.flags, env);
  const logger = await openLogger(values, env);
  const supervisor = createSupervisor(env, { clock: systemClock, logger });
  const onWouldChange = await diffPrinter(values, env);
  let first: Values | undefined = values;
  const read = () => {
    const current = first ?? readValues(line.flags, env);
    first = undefined;
    return requestOf(current, env);
  };
  const good = await runRender(read, { ...signals, clock: systemClock, logger, env, supervisor, onWouldChange });
  return good ? 0 : 1;
}

/** Loaded only when `--diff` asks for it. */
async function diffPrinter(
  values: Values,
  env: Readonly<Record<string, string | undefined>>,
): Promise<(dest: string, before: string, after: string) => void> {
  if (values["diff"] !== true) return () => {};
  const { showDiff } = await import("./diff.ts");
  return (dest, before, after) => showDiff({ dest, before, after }, wantsColour(process.stdout, env));
}

/** The config file's place may itself be said by flag or environment, so those are read first. */
function readValues(
  flags: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string | undefined>>,
): Values {
  const first = resolveOptions(RENDER_FLAGS, { flags, env });
  const named = first["config-file"];
  const name = typeof named === "string" ? named : join(String(first["confdir"]), "confd-haproxy.toml");
  const file = readConfigFile(name, { mustExist: named !== undefined });
  return file === undefined ? first : resolveOptions(RENDER_FLAGS, { flags, env, files: [{ name, values: file }] });
}

function requestOf(values: Values, env: Readonly<Record<string, string | undefined>>): RenderRequest {
  const is = (name: string) => values[name] === true;
  if (is("onetime") && (is("watch") || values["interval"] !== undefined)) {
    throw new AppError("E_USAGE", "--onetime does not go with --watch or --interval", {
      hint: "choose one of the three",
    });
  }
  if (is("watch") && values["interval"] !== undefined) {
    throw new AppError("E_USAGE", "--watch does not go with --interval", { hint: "choose one of the two" });
  }
  const { resource, interval, "status-port": statusPort } = values;
  return {
    onetime: is("onetime") || is("noop"),
    confdir: String(values["confdir"]),
    prefix: String(values["prefix"]),
    only: typeof resource === "string" ? resource : undefined,
    stateDir: String(values["state-dir"] ?? defaultStateDir(env)),
    intervalMs: typeof interval === "number" ? interval : undefined,
    splayMs: Number(values["splay"]),
    options: {
      missing: values["missing"] as Missing,
      noop: is("noop"),
      syncOnly: is("sync-only"),
      keepStageFile: is("keep-stage-file"),
      allowShrink: is("allow-shrink"),
    },
    store: storeOptions(values),
    status: typeof statusPort === "number" ? { port: statusPort, bind: String(values["status-bind"]) } : undefined,
  };
}
