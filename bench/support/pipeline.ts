import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Consul } from "../../test/support/consul.ts";
import { haproxyPlace, startHaproxy } from "../../test/support/haproxy.ts";
import type { Launched } from "../../test/support/launch.ts";
import { loopbackPrefix } from "../../test/support/loopback.ts";
import { startProgram, untilLogged } from "../../test/support/program.ts";
import { tempDir } from "../../test/support/temp-dir.ts";

const TEMPLATES = join(import.meta.dirname, "../../templates");
const STATS_PORT = 28_405;

/**
 * The renderer's half of the pipeline, as `npm start` has it: the shipped template, `haproxy -c`, a real HAProxy in
 * master-worker mode and a reload for each change of the entries below `key`.
 */
export async function startProxySide(consul: Consul, key: string): Promise<Launched> {
  const dir = tempDir("pipeline");
  const address = `${await loopbackPrefix()}.1`;
  const place = haproxyPlace(dir);
  const pidFile = join(dir, "haproxy.pid");
  const confdir = join(dir, "confd-haproxy");
  mkdirSync(join(confdir, "conf.d"), { recursive: true });
  cpSync(TEMPLATES, join(confdir, "templates"), { recursive: true });
  writeFileSync(
    join(confdir, "conf.d/bench.toml"),
    `[template]
src = "haproxy.cfg.hbs"
dest = "${place.configPath}"
keys = ["/${key}"]
check_cmd = "haproxy -c -f {{src}}"
reload_cmd = "test ! -e ${pidFile} || kill -USR2 $(cat ${pidFile})"
`,
  );
  const store = ["--consul", `${consul.address}:${consul.port}`];
  const args = ["--watch", "--confdir", confdir, "--state-dir", join(dir, "state"), ...store];
  const render = startProgram("render", args, {
    HAPROXY_BIND: address,
    HAPROXY_STATS_BIND: address,
    HAPROXY_STATS_PORT: `${STATS_PORT}`,
    HAPROXY_SOCKET: place.socket,
    HAPROXY_USER: "-",
    HAPROXY_LOG: `${address}:514`,
  });
  await untilLogged(render, /wrote/);
  const haproxy = await startHaproxy({ place, masterWorker: true });
  writeFileSync(pidFile, `${haproxy.pid}\n`);
  return render;
}
