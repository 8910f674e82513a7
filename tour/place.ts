import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tempDir } from "../test/support/temp-dir.ts";
import type { TourStore } from "./store.ts";

const TEMPLATES = join(import.meta.dirname, "../templates");

/** Where everything of one tour lies; it goes away with the tour. */
export interface Place {
  readonly dir: string;
  /** `--confdir`: the shipped templates, and a resource of the tour's own. */
  readonly confdir: string;
  readonly stateDir: string;
  /** HAProxy's files. */
  readonly haproxyDir: string;
  readonly haproxyPid: string;
  readonly haproxyCfg: string;
  readonly haproxySocket: string;
  readonly logs: string;
}

/** Makes the folders. */
export function createPlace(): Place {
  const dir = tempDir("tour");
  const haproxyDir = join(dir, "haproxy");
  const place = {
    dir,
    confdir: join(dir, "confd-haproxy"),
    stateDir: join(dir, "state"),
    haproxyDir,
    haproxyPid: join(haproxyDir, "haproxy.pid"),
    haproxyCfg: join(haproxyDir, "haproxy.cfg"),
    haproxySocket: join(haproxyDir, "haproxy.sock"),
    logs: join(dir, "logs"),
  };
  for (const folder of [haproxyDir, place.logs, join(place.confdir, "conf.d")]) mkdirSync(folder, { recursive: true });
  cpSync(TEMPLATES, join(place.confdir, "templates"), { recursive: true });
  return place;
}

/** Writes the template resource. While HAProxy does not run there is nothing to reload. */
export function writeResource(place: Place, store: TourStore): void {
  const resource = `[template]
src = "haproxy.cfg.hbs"
dest = "${place.haproxyCfg}"
keys = ["/${store.key}"]
check_cmd = "haproxy -c -f {{src}}"
reload_cmd = "test ! -e ${place.haproxyPid} || kill -USR2 $(cat ${place.haproxyPid})"
`;
  writeFileSync(join(place.confdir, "conf.d/tour.toml"), resource);
}
