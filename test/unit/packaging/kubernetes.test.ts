import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse as parseToml } from "smol-toml";
import { describe, expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { manifestProblems } from "../../support/kubernetes-shapes.ts";
import {
  type ConfigMap,
  type Container,
  manifest,
  readManifests,
  type Secret,
  type Service,
  type StatefulSet,
} from "../../support/manifests.ts";

const ROOT = join(import.meta.dirname, "../../..");
const MANIFESTS = readManifests();
const SET = manifest<StatefulSet>("StatefulSet");
const POD = SET.spec.template.spec;
const CONTAINERS = [...POD.initContainers, ...POD.containers];
const SERVICES = MANIFESTS.filter((one): one is Service => one.kind === "Service");
const BASE = manifest<ConfigMap>("ConfigMap", "haproxy-base").data["base.cfg"] ?? "";
const RESOURCE = parseToml(manifest<ConfigMap>("ConfigMap", "haproxy-resource").data["galera.toml"] ?? "");
const NODES = manifest<ConfigMap>("ConfigMap", "galera-nodes").data;
const INSTANCES = Number(manifest<Secret>("Secret", "haproxy-instances").stringData["instances"]);

describe("the manifests", () => {
  test("have only fields that their kinds have, with values that they may have", () => {
    expect(MANIFESTS.flatMap(manifestProblems)).toEqual([]);
  });

  test("a mistyped field, a misplaced one and a wrong value would be found", () => {
    const spoilt = structuredClone(SET) as unknown as { spec: Record<string, unknown> };
    spoilt.spec["replica"] = 3;
    spoilt.spec["replicas"] = "3";
    expect(manifestProblems(spoilt as unknown as StatefulSet)).toEqual([
      'StatefulSet.spec.replicas: must be a whole number from 0 to 100 (is "3")',
      "StatefulSet.spec.replica: is no field of this kind",
    ]);
  });

  test("name no thing twice", () => {
    const names = MANIFESTS.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(names).toEqual([...new Set(names)]);
  });

  test("select the pods that there are, and each of the pods by its name", () => {
    const { labels } = SET.spec.template.metadata;
    const selectors = MANIFESTS.flatMap(selectorsOf);
    expect(SET.spec.selector.matchLabels).toEqual(labels);
    expect(selectors.length).toBeGreaterThan(INSTANCES);
    for (const selector of selectors) {
      const name = selector["statefulset.kubernetes.io/pod-name"];
      expect(selector).toEqual(name === undefined ? labels : { "statefulset.kubernetes.io/pod-name": name });
    }
  });
});

describe("the pods", () => {
  test("mount volumes that exist, use each of them, and mount nothing twice in one place", () => {
    const volumes = POD.volumes.map(({ name }) => name);
    const mounts = CONTAINERS.flatMap(({ volumeMounts }) => volumeMounts.map(({ name }) => name));
    expect(new Set(mounts)).toEqual(new Set(volumes));
    for (const { volumeMounts } of CONTAINERS) {
      const places = volumeMounts.map(({ mountPath }) => mountPath);
      expect(places).toEqual([...new Set(places)]);
    }
  });

  test("take their files and variables from config maps and secrets that are there", () => {
    for (const { configMap, secret } of POD.volumes) {
      if (configMap !== undefined) manifest("ConfigMap", configMap.name);
      if (secret !== undefined) manifest("Secret", secret.secretName);
    }
    const refs = CONTAINERS.flatMap(({ env = [] }) => env.flatMap(({ valueFrom }) => valueFrom?.configMapKeyRef ?? []));
    expect(refs.length).toBeGreaterThan(0);
    for (const { name, key } of refs) expect(manifest<ConfigMap>("ConfigMap", name).data[key]).toBeTypeOf("string");
  });

  test("name a file of a config map or a secret only where it is mounted", () => {
    for (const container of CONTAINERS) {
      for (const path of mountedFilesNamedBy(container)) expect(filesOf(container)).toContain(path);
    }
    expect(CONTAINERS.flatMap(mountedFilesNamedBy).length).toBeGreaterThan(4);
  });

  test("write only where they have a volume of their own", () => {
    const { dest } = RESOURCE["template"] as { dest: string };
    const { socket, master_socket: masterSocket } = RESOURCE["haproxy"] as { socket: string; master_socket: string };
    for (const path of [dest, socket, masterSocket, variable("render", "CONFD_HAPROXY_STATE_DIR"), "/tmp/x"]) {
      expect(isWritable(containerNamed("render"), path), path).toBe(true);
    }
    expect(isWritable(containerNamed("haproxy"), masterSocket)).toBe(true);
    expect(isWritable(containerNamed("checkers"), variable("checkers", "CONFD_HAPROXY_STATE_DIR"))).toBe(true);
  });

  test("run as nobody in particular, with nothing that they could gain", () => {
    expect(POD.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
    for (const { securityContext } of CONTAINERS) {
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
    }
  });

  test("get no variables made of the Services' names, which would reach the template", () => {
    expect(POD.enableServiceLinks).toBe(false);
  });

  test("are asked for their health on ports that their own container has", () => {
    for (const { name, ports = [], livenessProbe, readinessProbe } of CONTAINERS) {
      for (const probe of [livenessProbe, readinessProbe]) {
        if (probe !== undefined)
          expect(
            ports.map((port) => port.name),
            name,
          ).toContain(probe.httpGet.port);
      }
    }
  });

  test("are ready only after HAProxy has had its 5 s to learn the table from the others", () => {
    expect(containerNamed("haproxy").readinessProbe?.initialDelaySeconds).toBeGreaterThan(5);
  });

  test("have the container's ports where HAProxy listens", () => {
    expect(BASE).toContain(`stats socket ipv4@*:${portNamed("runtime")} level admin\n`);
    expect(BASE).toContain(`bind *:${portNamed("health")}\n`);
    expect(BASE).toContain(`monitor-uri ${containerNamed("haproxy").readinessProbe?.httpGet.path}\n`);
    expect(orders().proxyport).toBe(portNamed("mysql"));
  });
});

describe("the peers", () => {
  const { pattern = "", socket_port: socketPort } = RESOURCE["peers"] as { pattern?: string; socket_port?: number };

  test("have a Service each, of the pod's own name, on the port of the peers section", () => {
    for (let n = 0; n < Math.max(INSTANCES, 5); n++) {
      const [host, port] = pattern.replaceAll("{n}", `${n}`).split(":");
      const pod = `${SET.metadata.name}-${n}`;
      expect(host).toBe(pod);
      const { spec } = manifest<Service>("Service", pod);
      expect(spec.clusterIP, "a headless Service has no name before its pod is there").toBeUndefined();
      expect(spec.publishNotReadyAddresses).toBe(true);
      expect(spec.selector).toEqual({ "statefulset.kubernetes.io/pod-name": pod });
      const ports = spec.ports.map((one) => [one.port, portNamed(`${one.targetPort}`)]);
      expect(ports).toEqual([
        [Number(port), Number(port)],
        [socketPort, socketPort],
      ]);
    }
  });

  test("are as many in the secret as there are pods", () => {
    expect(INSTANCES).toBe(SET.spec.replicas);
  });

  test("get their host names from a headless Service", () => {
    const { spec } = manifest<Service>("Service", SET.spec.serviceName);
    expect(spec).toMatchObject({ clusterIP: "None", publishNotReadyAddresses: true });
  });

  test("call themselves what the pattern calls them", () => {
    expect(containerNamed("haproxy").command.join(" ")).toContain("-L $(POD_NAME)");
  });
});

describe("what belongs together", () => {
  test("every Service and the network policy name ports that a container has", () => {
    const policy = manifest("NetworkPolicy") as unknown as { spec: { ingress: { ports: { port: string }[] }[] } };
    const named = [
      ...SERVICES.flatMap(({ spec }) => spec.ports.map(({ targetPort }) => targetPort)),
      ...policy.spec.ingress.flatMap(({ ports }) => ports.map(({ port }) => port)),
    ];
    // 3306 is that of a Galera node.
    for (const name of named.filter((port) => port !== 3306)) expect(portNamed(`${name}`)).toBeTypeOf("number");
  });

  test("the runtime socket and the peers are open to the pods alone", () => {
    const policy = manifest("NetworkPolicy") as unknown as {
      spec: { ingress: { from?: unknown; ports: { port: string }[] }[] };
    };
    const open = policy.spec.ingress.filter(({ from }) => from === undefined).flatMap(({ ports }) => ports);
    expect(open.map(({ port }) => port)).toEqual(["mysql", "status"]);
  });

  test("the checker asks the nodes that the entry has, in its order, under its tag", () => {
    const servers = orders().servers.map(({ host, port }) => `${host}:${port}`);
    expect(NODES["servers"]).toBe(servers.join(","));
    expect(containerNamed("checkers").args?.join(" ")).toContain(`--tag ${orders().name} `);
  });

  test("a Galera node that is named by name is a Service with an address of its own, which HAProxy resolves once", () => {
    for (const { host, port } of orders().servers) {
      const { spec } = manifest<Service>("Service", host);
      expect(spec).toMatchObject({ publishNotReadyAddresses: true, ports: [{ port }] });
      expect(spec.clusterIP).toBeUndefined();
    }
  });

  test("the image is the same everywhere, of this version, as the container file says", () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
    const file = readFileSync(join(ROOT, "packaging/container/Containerfile"), "utf8");
    expect(new Set(CONTAINERS.map(({ image }) => image))).toEqual(new Set([`confd-haproxy:${version}`]));
    expect(file).toContain(`ARG VERSION=${version}\n`);
    expect(file).toContain(`-t confd-haproxy:${version} .`);
    expect(file).toContain(`USER ${POD.securityContext.runAsUser}:${POD.securityContext.runAsUser}\n`);
  });

  test("the password is a placeholder that nobody can miss", () => {
    expect(manifest<Secret>("Secret", "galera-monitor").stringData).toEqual({ password: "CHANGE-ME" });
  });
});

function selectorsOf(one: (typeof MANIFESTS)[number]): readonly Readonly<Record<string, string>>[] {
  const { spec } = one as unknown as { spec?: Record<string, { matchLabels?: Record<string, string> }> };
  if (one.kind === "Service") return [(one as Service).spec.selector];
  return [spec?.["selector"]?.matchLabels, spec?.["podSelector"]?.matchLabels].filter((labels) => labels !== undefined);
}

function orders() {
  const entries = parseYaml(NODES["entries.yaml"] ?? "") as Record<string, Entry>;
  const [entry] = Object.entries(entries);
  if (entry === undefined) throw new Error("entries.yaml is empty");
  expect(entry[0]).toBe(`haproxy/galera/${entry[1].name}`);
  return entry[1];
}

interface Entry {
  readonly name: string;
  readonly proxyport: number;
  readonly servers: readonly { readonly host: string; readonly port: number }[];
}

function containerNamed(name: string): Container {
  const found = CONTAINERS.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no container ${name}`);
  return found;
}

function portNamed(name: string): number | undefined {
  return CONTAINERS.flatMap(({ ports = [] }) => ports).find((port) => port.name === name)?.containerPort;
}

function variable(container: string, name: string): string {
  return containerNamed(container).env?.find((one) => one.name === name)?.value ?? "";
}

function isWritable({ volumeMounts }: Container, path: string): boolean {
  const mount = volumeMounts.find(({ mountPath }) => path.startsWith(`${mountPath}/`) || path === mountPath);
  const volume = POD.volumes.find(({ name }) => name === mount?.name);
  return volume?.emptyDir !== undefined && mount?.readOnly !== true;
}

/** The files of config maps and secrets that its words, its variables and, for who renders, its resource name. */
function mountedFilesNamedBy({ command, args = [], env = [] }: Container): readonly string[] {
  const words = [...command, ...args, ...env.map(({ value }) => value ?? "")];
  if (command[0] === "render") words.push(JSON.stringify(RESOURCE));
  return words.flatMap((word) => word.match(/\/etc\/confd-haproxy\/[\w./-]+/g) ?? []);
}

/** The files that config maps and secrets put into a container. */
function filesOf({ volumeMounts }: Container): readonly string[] {
  return volumeMounts.flatMap(({ name, mountPath }) => {
    const { configMap, secret } = POD.volumes.find((volume) => volume.name === name) ?? {};
    const keys = Object.keys(
      (configMap && manifest<ConfigMap>("ConfigMap", configMap.name).data) ??
        (secret && manifest<Secret>("Secret", secret.secretName).stringData) ??
        {},
    );
    return keys.map((key) => `${mountPath}/${key}`);
  });
}
