import { describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { haproxyBinaries } from "../support/haproxy-3.ts";
import { CAN_CONTAIN, type Kubelet, type Pod, startKubelet } from "../support/kubelet.ts";
import type { Launched } from "../support/launch.ts";
import { manifest, type StatefulSet } from "../support/manifests.ts";
import { untilLogged } from "../support/program.ts";

const FILE = "/run/haproxy/galera.cfg";
const CHECK = ["haproxy", "-c", "-f", "/etc/confd-haproxy/base/base.cfg", "-f", FILE];

describe.skipIf(!CAN_CONTAIN).each(haproxyBinaries())("the manifests' pods, with HAProxy $version", ({ binary }) => {
  test.each([1, 2, 3, 5])(
    "of %i, each begins with a file that HAProxy takes and that names them all",
    async (count) => {
      const kubelet = await startKubelet({ instances: count, haproxy: binary });
      for (let n = 0; n < count; n++) {
        const pod = kubelet.pod(n);
        await beginWith(pod);
        expect(peersIn(await fileOf(pod))).toEqual(Array.from({ length: count }, (_, peer) => `haproxy-${peer}`));
        const { code, stderr } = await pod.exec("haproxy", CHECK);
        expect(code, stderr).toBe(0);
      }
    },
  );

  test("a pod that the secret does not count yet waits with the reason, and begins when the secret does", async () => {
    const kubelet = await startKubelet({ instances: 1, haproxy: binary });
    const early = kubelet.pod(1).start("first-file");
    expect((await early.exited).code).toBe(1);
    expect(early.stderr()).toContain("haproxy-1, the local peer of this HAProxy, is not in its peers section");
    kubelet.setInstances(2);
    await beginWith(kubelet.pod(1));
  });

  test("a peer without a Service is why HAProxy does not start, so each pod has one of its own", async () => {
    const kubelet = await startKubelet({ instances: 2, names: 1, haproxy: binary });
    await beginWith(kubelet.pod(0));
    const { code, stderr } = await kubelet.pod(0).exec("haproxy", CHECK);
    expect(code).toBe(1);
    expect(stderr).toContain("invalid address: 'haproxy-1'");
  });

  test("start one after the other, long before the last one is there, and then share the table", async () => {
    const kubelet = await startKubelet({ instances: 3, haproxy: binary });
    const first = await startPod(kubelet, 0);
    await runtime(first.pod, "set table orders key 1 data.server_id 2");
    const others = [await startPod(kubelet, 1), await startPod(kubelet, 2)];
    for (const { pod } of others) await untilWriter(pod, 2);
  });

  test("move the writer from within one of them; grow and shrink with it: secret first up, pods first down", async () => {
    const kubelet = await startKubelet({ instances: 2, haproxy: binary });
    const one = await startPod(kubelet, 0);
    const two = await startPod(kubelet, 1);
    await untilReady([one.pod, two.pod]);
    // No Galera is here: the server is down, and without --force it would be refused.
    const moved = await one.pod.exec("render", ["confd-haproxy", "peers", "switch", "galera-2:3306", "--force"]);
    expect(moved.stdout, moved.stderr).toContain("galera-2:3306 is the writer of all 2");
    await untilWriter(two.pod, 3);

    await tell(kubelet, 3, [one, two]);
    const three = await startPod(kubelet, 2);
    await untilWriter(three.pod, 3);
    const { stdout } = await two.pod.exec("render", ["confd-haproxy", "peers", "status"]);
    expect(stdout).toContain("all 3 agree on galera-2:3306");

    await Promise.all([two, three].flatMap(({ haproxy, render }) => [haproxy.kill(), render.kill()]));
    await tell(kubelet, 1, [one]);
    await untilWriter(one.pod, 3);
    // None at the start: HAProxy has just begun with that file, and would lose the table in its first 5 s.
    expect(one.render.stderr().match(/ reloaded /g)).toHaveLength(2);
  }, 60_000);

  test("have a changed entry without a restart", async () => {
    const kubelet = await startKubelet({ instances: 1, haproxy: binary });
    const { pod, render } = await startPod(kubelet, 0);
    kubelet.changeEntry("galera-2", "10.99.0.203");
    await untilLogged(render, / wrote /);
    expect(await fileOf(pod)).toContain("server 10.99.0.203:3306 ");
  });

  test("answer the readiness probe", async () => {
    const kubelet = await startKubelet({ instances: 2, haproxy: binary });
    await startPod(kubelet, 0);
    const ask = `fetch("http://haproxy-0:8405/healthz").then((answer) => process.exit(answer.status === 200 ? 0 : 1))`;
    expect((await kubelet.pod(1).exec("render", ["node", "-e", ask])).code).toBe(0);
  });
});

describe.skipIf(!CAN_CONTAIN)("the container of the checkers", () => {
  test("takes its options, and tells that it asks the nodes of the config map", async () => {
    const kubelet = await startKubelet({ instances: 1 });
    const checkers = kubelet.pod(0).start("checkers");
    await untilLogged(checkers, /galera-0:3306/);
    expect(checkers.stderr()).toContain("galera-2:3306");
    expect(checkers.running).toBe(true);
  });
});

interface Running {
  readonly pod: Pod;
  readonly haproxy: Launched;
  readonly render: Launched;
}

/** The init container, then the others that matter here. */
async function startPod(kubelet: Kubelet, n: number): Promise<Running> {
  const pod = kubelet.pod(n);
  await beginWith(pod);
  const haproxy = pod.start("haproxy");
  await eventually(`${pod.name} answers`, async () => (await runtime(pod, "show info")).includes("Version"));
  const render = pod.start("render");
  await untilLogged(render, /watching/);
  return { pod, haproxy, render };
}

/** As long as the readiness probe waits; before that a reload costs HAProxy its table. */
async function untilReady(pods: readonly Pod[]): Promise<void> {
  const { containers } = manifest<StatefulSet>("StatefulSet").spec.template.spec;
  const delay = containers.find(({ name }) => name === "haproxy")?.readinessProbe?.initialDelaySeconds ?? 0;
  for (const pod of pods) {
    const isReady = async () => Number(/Uptime_sec: (\d+)/.exec(await runtime(pod, "show info"))?.[1]) >= delay;
    await eventually(`${pod.name} is ready`, isReady);
  }
}

async function beginWith(pod: Pod): Promise<void> {
  const init = pod.start("first-file");
  const { code } = await init.exited;
  expect(code, init.stderr()).toBe(0);
}

/** The number in the secret; nobody tells render, which finds out within seconds. */
async function tell(kubelet: Kubelet, count: number, pods: readonly Running[]): Promise<void> {
  kubelet.setInstances(count);
  for (const { pod } of pods) {
    const has = async () => (await runtime(pod, "show peers")).match(/ id=haproxy-\d+\(/g)?.length === count;
    await eventually(`${pod.name} has ${count} peers`, has);
  }
}

async function untilWriter(pod: Pod, id: number): Promise<void> {
  await eventually(`${pod.name} has learned server ${id}`, async () => {
    return writerIn(await runtime(pod, "show table orders")) === id;
  });
}

function writerIn(table: string): number | undefined {
  const id = /key=1 .*server_id=(\d+)/.exec(table)?.[1];
  return id === undefined ? undefined : Number(id);
}

/** A runtime command by the pod's own socket. Empty while nobody answers. */
async function runtime(pod: Pod, command: string): Promise<string> {
  const ask = `const s = require("net").connect("/run/haproxy/admin.sock", () => s.end(${JSON.stringify(`${command}\n`)}));
    s.on("error", () => {}).pipe(process.stdout);`;
  return (await pod.exec("render", ["node", "-e", ask])).stdout;
}

async function fileOf(pod: Pod): Promise<string> {
  return (await pod.exec("haproxy", ["cat", FILE])).stdout;
}

function peersIn(file: string): readonly string[] {
  return [...file.matchAll(/^ {4}peer (\S+) \1:10000$/gm)].map(([, name]) => name ?? "");
}
