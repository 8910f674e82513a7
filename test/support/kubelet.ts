import { execFileSync, spawnSync } from "node:child_process";
import { chownSync, mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { findBinary, type Launched, launch } from "./launch.ts";
import { type ConfigMap, type Container, manifest, type Secret, type StatefulSet } from "./manifests.ts";
import { tempDir } from "./temp-dir.ts";

const ROOT = join(import.meta.dirname, "../..");

/** Whether this machine lets us make namespaces: as root, with `ip` (iproute2), and not in a container that forbids it. */
export const CAN_CONTAIN =
  spawnSync("sh", [
    "-c",
    "unshare --mount --uts --net --pid --fork sh -c 'mount -t tmpfs none /mnt && ip link add type veth && ip link add type bridge'",
  ]).status === 0;

/** One pod of the StatefulSet. */
export interface Pod {
  readonly name: string;
  readonly address: string;
  /** Starts one of its containers, as the manifest says. */
  start(container: string): Launched;
  /** Runs other words in one of its containers to their end, as `kubectl exec` does. */
  exec(container: string, words: readonly string[]): Promise<Ran>;
}

/** How a command ended and what it said. */
export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What runs the manifests' pods on this machine. */
export interface Kubelet {
  /** The pod `haproxy-<n>`; the same one when asked again. */
  pod(n: number): Pod;
  /** What `kubectl apply` of another number does some time later: the file in every pod that has the secret mounted. */
  setInstances(count: number): void;
  /** The same for the entry: some text in it becomes another one. */
  changeEntry(from: string, to: string): void;
}

/**
 * Runs containers of `packaging/kubernetes` as they are there: their words, variables, mounts, user, read-only root, each in
 * pid, mount and host name namespaces of its own, the containers of a pod in one network. In place of Services are the fixed
 * addresses of the pods, in the hosts file: for `names` of them, as there are Services. Needs {@link CAN_CONTAIN}.
 */
export async function startKubelet(options: { instances: number; names?: number; haproxy?: string }): Promise<Kubelet> {
  const dir = tempDir("kubelet");
  const networks = await createNetworks(MOST_PODS);
  const set = manifest<StatefulSet>("StatefulSet");
  const { volumes } = set.spec.template.spec;
  const filesIn = new Map(volumes.map((volume) => [volume.name, sourceOf(volume)]));
  for (const [name, files] of filesIn) if (files !== undefined) writeVolume(join(dir, name), files);
  const setInstances = (count: number) => writeVolume(join(dir, "instances"), { instances: `${count}` });
  setInstances(options.instances);
  const programs = join(dir, "bin");
  linkPrograms(programs, findBinary(options.haproxy ?? "haproxy"));
  const pods = new Map<number, Pod>();
  const create = (n: number): Pod => {
    const name = `${set.metadata.name}-${n}`;
    const hosts = join(dir, `${name}.hosts`);
    writeFileSync(
      hosts,
      hostsOf(n, { service: set.spec.serviceName, set: set.metadata.name, names: options.names ?? MOST_PODS }),
    );
    const mountsOf = ({ volumeMounts }: Container) =>
      volumeMounts.map(({ name: volume, mountPath, readOnly }) => {
        const source = filesIn.get(volume) === undefined ? emptyDir(join(dir, name, volume)) : join(dir, volume);
        return `${source} ${mountPath} ${readOnly === true ? "ro" : "rw"}`;
      });
    const run = (container: Container, words: readonly string[]) => {
      const command = ["env", ...variablesOf(container, name), ...words];
      const enter = [`--net=${networks[n]}`, findBinary("unshare"), ...ISOLATED];
      return launch("nsenter", [...enter, "sh", "-euc", SCRIPT, "container", ...command], {
        endWith: "SIGKILL",
        env: {
          CONTAINER_ROOT: mkdir(join(dir, "root")),
          CONTAINER_HOST: name,
          CONTAINER_HOSTS_FILE: hosts,
          CONTAINER_MOUNTS: mountsOf(container).join("\n"),
          CONTAINER_PROGRAMS: programs,
          CONTAINER_PROJECT: ROOT,
        },
      });
    };
    return {
      name,
      address: addressOf(n),
      start(container) {
        const found = containerOf(set, container);
        const words = [...found.command, ...(found.args ?? [])];
        return run(
          found,
          words.map((word) => word.replaceAll("$(POD_NAME)", name)),
        );
      },
      async exec(container, words) {
        const program = run(containerOf(set, container), words);
        const { code } = await program.exited;
        return { code, stdout: program.stdout(), stderr: program.stderr() };
      },
    };
  };
  return {
    setInstances,
    changeEntry(from, to) {
      const files = filesIn.get("nodes") ?? {};
      const entries = files["entries.yaml"] ?? "";
      if (!entries.includes(from)) throw new Error(`the entry has no ${from}`);
      writeVolume(join(dir, "nodes"), { ...files, "entries.yaml": entries.replaceAll(from, to) });
    },
    pod(n) {
      const pod = pods.get(n) ?? create(n);
      pods.set(n, pod);
      return pod;
    },
  };
}

/** As many Services of their own as there are for the pods. */
const MOST_PODS = 5;

const ISOLATED = ["--mount", "--uts", "--pid", "--fork", "--kill-child"];

/**
 * Makes the root of a container below CONTAINER_ROOT, in a file system that nobody else sees, and becomes the command. `/usr` is
 * the machine's, the rest what the container file puts there.
 */
const SCRIPT = `
hostname "$CONTAINER_HOST"
root=$CONTAINER_ROOT
mount -t tmpfs -o mode=755 tmpfs "$root"
cd "$root"
mkdir -p usr proc dev tmp run etc/confd-haproxy/templates opt/confd-haproxy/dist opt/confd-haproxy/node_modules opt/confd-haproxy/bin "./$CONTAINER_PROJECT/.cache"
cp -P /bin /sbin /lib /lib64 . 2>/dev/null || true
cp /etc/ld.so.cache etc/
cp "$CONTAINER_HOSTS_FILE" etc/hosts
echo 'hosts: files dns' > etc/nsswitch.conf
mount --bind /usr usr
mount --rbind /dev dev
mount -t proc proc proc
mount --bind "$CONTAINER_PROJECT/templates" etc/confd-haproxy/templates
mount --bind "$CONTAINER_PROJECT/dist" opt/confd-haproxy/dist
mount --bind "$CONTAINER_PROJECT/node_modules" opt/confd-haproxy/node_modules
mount --bind "$CONTAINER_PROGRAMS" opt/confd-haproxy/bin
[ ! -d "$CONTAINER_PROJECT/.cache" ] || mount --bind "$CONTAINER_PROJECT/.cache" "./$CONTAINER_PROJECT/.cache"
echo "$CONTAINER_MOUNTS" | while read -r source target mode; do
  mkdir -p "./$target"
  mount --bind "$source" "./$target"
  [ "$mode" = rw ] || mount -o remount,bind,ro "./$target"
done
mount -o remount,ro "$root"
exec chroot "$root" /usr/bin/env -i -C / "PATH=/opt/confd-haproxy/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin" setpriv --reuid 10001 --regid 10001 --clear-groups --bounding-set=-all --no-new-privs -- "$@"
`;

/**
 * Networks of pods, as `/proc` shows them: they reach one another, and nothing else reaches them. They are held by processes that
 * end with the test, or with this process, however it ends: then the kernel takes them away.
 */
async function createNetworks(count: number): Promise<readonly string[]> {
  const hub = await holdNetwork();
  enter(hub, "ip link add br0 type bridge && ip link set br0 up");
  const networks: string[] = [];
  for (let n = 0; n < count; n++) {
    const pid = await holdNetwork();
    const port = `veth${n}`;
    enter(hub, `ip link add ${port} type veth peer name eth0 netns ${pid} && ip link set ${port} master br0 up`);
    enter(pid, `ip addr add ${addressOf(n)}/24 dev eth0 && ip link set eth0 up && ip link set lo up`);
    networks.push(networkOf(pid));
  }
  return networks;
}

async function holdNetwork(): Promise<number> {
  const { pid } = launch("unshare", ["--net", "sleep", "infinity"], { endWith: "SIGKILL" });
  const ours = readlinkSync("/proc/self/ns/net");
  await eventually("a network of its own", () => readlinkSync(networkOf(pid)) !== ours);
  return pid;
}

function networkOf(pid: number): string {
  return `/proc/${pid}/ns/net`;
}

function enter(pid: number, line: string): void {
  execFileSync(findBinary("nsenter"), [`--net=${networkOf(pid)}`, "sh", "-c", line]);
}

function addressOf(n: number): string {
  return `10.99.0.${10 + n}`;
}

/** As a kubelet writes it: the pod's own name means its own address; the others are what the DNS has, their Services. */
function hostsOf(n: number, of: { readonly service: string; readonly set: string; readonly names: number }): string {
  const own = `${of.set}-${n}`;
  const others = Array.from({ length: of.names }, (_, other) => other).filter((other) => other !== n);
  return [
    "127.0.0.1 localhost",
    `${addressOf(n)} ${own}.${of.service}.db.svc.cluster.local ${own}`,
    ...others.map((other) => `${addressOf(other)} ${of.set}-${other}`),
    ...[0, 1, 2].map((node) => `10.99.0.${200 + node} galera-${node}`),
    "",
  ].join("\n");
}

/**
 * A folder with these files, as a kubelet keeps it: the files are links into `..data`, which is a link to the folder with the
 * present ones, so that all change at once.
 */
function writeVolume(folder: string, files: Readonly<Record<string, string>>): void {
  const present = `..${process.pid}_${++versions}`;
  mkdirSync(join(folder, present), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, present, name), text);
  symlinkSync(present, join(folder, "..data_tmp"));
  renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
  for (const name of Object.keys(files)) {
    rmSync(join(folder, name), { force: true });
    symlinkSync(join("..data", name), join(folder, name));
  }
}

let versions = 0;

function sourceOf(volume: { configMap?: { name: string }; secret?: { secretName: string } }) {
  if (volume.configMap !== undefined) return manifest<ConfigMap>("ConfigMap", volume.configMap.name).data;
  if (volume.secret !== undefined) return manifest<Secret>("Secret", volume.secret.secretName).stringData;
  return undefined;
}

/** `NAME=value` each. */
function variablesOf({ env = [] }: Container, pod: string): readonly string[] {
  return env.map(({ name, value, valueFrom }) => {
    const ref = valueFrom?.configMapKeyRef;
    if (ref !== undefined) return `${name}=${manifest<ConfigMap>("ConfigMap", ref.name).data[ref.key] ?? ""}`;
    return `${name}=${value ?? pod}`;
  });
}

function containerOf(set: StatefulSet, name: string): Container {
  const { initContainers, containers } = set.spec.template.spec;
  const found = [...initContainers, ...containers].find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no container ${name}`);
  return found;
}

/** The names that the container file gives the programs. */
function linkPrograms(folder: string, haproxy: string): void {
  mkdirSync(folder, { recursive: true });
  for (const name of ["render", "checkers", "confd-haproxy"]) {
    symlinkSync(`/opt/confd-haproxy/dist/${name}.js`, join(folder, name));
  }
  // HAProxy 3 of the tests finds its libraries by its own path.
  writeFileSync(join(folder, "haproxy"), `#!/bin/sh\nexec ${haproxy} "$@"\n`, { mode: 0o755 });
}

function emptyDir(path: string): string {
  mkdir(path);
  chownSync(path, 10_001, 10_001);
  return path;
}

function mkdir(path: string): string {
  mkdirSync(path, { recursive: true, mode: 0o711 });
  return path;
}
