import { expect, test } from "vitest";
import { openEchoSession } from "../support/echo.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/loopback.ts";
import { LAB_PORT, startPeersLab } from "../support/peers-lab.ts";
import { folderWith, startProgram, untilLogged } from "../support/program.ts";
import { tempDir } from "../support/temp-dir.ts";

test("render tells who the writer is and whether the HAProxies agree, as metrics and on its page", async () => {
  const lab = await startPeersLab({ count: 2 });
  const [lb1, lb2] = lab.haproxies;
  if (lb1 === undefined || lb2 === undefined) throw new Error("two were asked for");
  const dir = tempDir("render");
  const confdir = folderWith({
    "conf.d/galera.toml": `[template]
src = "t.hbs"
dest = "${dir}/out.txt"
[peers]
local = "lb1"
members = ["lb1=${lb1.front}:20310", "lb2=${lb2.front}:20310"]
socket_port = 20399
`,
    "templates/t.hbs": "peers lab_peers\n  peer lb1 127.0.0.1:1\n",
    "store/haproxy/none": "none",
  });
  const port = await freePort(lb1.front);
  const render = startProgram("render", [
    ...["--watch", "--confdir", confdir, "--state-dir", `${dir}/state`, "--store", `file:${confdir}/store`],
    ...["--status-port", `${port}`, "--status-bind", lb1.front],
  ]);
  const get = async (path: string) => (await fetch(`http://${lb1.front}:${port}${path}`)).text();
  await eventually("it has asked", async () =>
    (await get("/metrics")).includes('confd_haproxy_peers_agree{resource="galera"} 1\n'),
  );
  expect(await get("/metrics")).not.toContain("confd_haproxy_peers_active_server{");
  expect(await get("/readyz")).toBe("ready\n");

  (await openEchoSession(lb2.front, LAB_PORT)).close();
  await eventually("both have the writer", async () => {
    const metrics = await get("/metrics");
    return ["lb1", "lb2"].every((haproxy) =>
      metrics.includes(`confd_haproxy_peers_active_server{resource="galera",haproxy="${haproxy}",server="s1"} 1\n`),
    );
  });
  expect(await get("/metrics")).toContain('confd_haproxy_peers_connected{resource="galera",haproxy="lb1"} 1\n');
  expect(await get("/")).toContain("GOOD      peers galera: all 2 agree on s1");
  const status = JSON.parse(await get("/status")) as { readonly peers: readonly unknown[] };
  expect(status.peers).toMatchObject([{ resource: "galera", good: true, active: "s1" }]);

  await lb2.kill();
  await untilLogged(render, /the HAProxies with one writer are not as they should be/);
  const metrics = await get("/metrics");
  expect(metrics).toContain('confd_haproxy_peers_good{resource="galera"} 0\n');
  expect(metrics).toContain('confd_haproxy_peers_haproxy_up{resource="galera",haproxy="lb2"} 0\n');
  expect(metrics).not.toContain('confd_haproxy_peers_active_server{resource="galera",haproxy="lb2"');
  const page = await fetch(`http://${lb1.front}:${port}/`, { headers: { accept: "text/html" } });
  expect(await page.text()).toContain('<section class="bad">');
  render.signal("SIGTERM");
  expect(await render.exited).toMatchObject({ code: 0 });
});
