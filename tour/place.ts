import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Target } from "../src/core/targets.ts";
import { tempDir } from "../test/support/temp-dir.ts";
import { type Act, keyOf } from "./act.ts";
import type { TourStore } from "./store.ts";

const TEMPLATES = join(import.meta.dirname, "../templates");

/** Where everything of one tour lies; it goes away with the tour. */
export interface Place {
  readonly dir: string;
  readonly checkersToml: string;
  /** `--confdir`: the shipped templates, and a resource of the tour's own. */
  readonly confdir: string;
  readonly stateDir: string;
  /** HAProxy's files. */
  readonly haproxyDir: string;
  readonly haproxyPid: string;
  readonly haproxyCfg: string;
  readonly haproxySocket: string;
  readonly haproxyMasterSocket: string;
  readonly logs: string;
}

/**
 * Makes the folders. From here on every temporary file of this process and of those that it starts is in there
 * too, and whatever ends this process, short of SIGKILL, removes it.
 */
export function createPlace(): Place {
  const dir = tempDir("tour");
  process.env["TMPDIR"] = dir;
  process.on("exit", () => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  const haproxyDir = join(dir, "haproxy");
  const place = {
    dir,
    checkersToml: join(dir, "checkers.toml"),
    confdir: join(dir, "confd-haproxy"),
    stateDir: join(dir, "state"),
    haproxyDir,
    haproxyPid: join(haproxyDir, "haproxy.pid"),
    haproxyCfg: join(haproxyDir, "haproxy.cfg"),
    haproxySocket: join(haproxyDir, "haproxy.sock"),
    haproxyMasterSocket: join(haproxyDir, "master.sock"),
    logs: join(dir, "logs"),
  };
  for (const folder of [haproxyDir, place.logs, join(place.confdir, "conf.d")]) mkdirSync(folder, { recursive: true });
  cpSync(TEMPLATES, join(place.confdir, "templates"), { recursive: true });
  return place;
}

/** Writes the template resource. While HAProxy does not run there is nothing to reload. */
export function writeResource(place: Place, acts: readonly Act[]): void {
  const resource = `[template]
src = "haproxy.cfg.hbs"
dest = "${place.haproxyCfg}"
keys = ${JSON.stringify(acts.map((act) => `/${keyOf(act)}`))}
check_cmd = "haproxy -c -f {{src}}"
reload_cmd = "test ! -e ${place.haproxyPid} || kill -USR2 $(cat ${place.haproxyPid})"

[haproxy]
socket = "${place.haproxySocket}"
master_socket = "${place.haproxyMasterSocket}"
`;
  writeFileSync(join(place.confdir, "conf.d/tour.toml"), resource);
}

/** Writes the one file for the one process that checks everything. */
export function writeCheckers(place: Place, store: TourStore, acts: readonly Act[], status: Target): void {
  const head = `store = "${store.url}"\nstatus-bind = "${status.host}"\nstatus-port = ${status.port}\n`;
  const tables = acts.map(({ kind, tag, front, table }) =>
    ["[[checker]]", `kind = "${kind}"`, `tag = "${tag}"`, `proxyport = ${front.port}`, ...table, ""].join("\n"),
  );
  writeFileSync(place.checkersToml, [head, ...tables].join("\n"));
}
