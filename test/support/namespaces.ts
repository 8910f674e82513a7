import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findBinary } from "./launch.ts";
import { releaseLater } from "./releases.ts";
import { tempDir } from "./temp-dir.ts";

/**
 * Network namespaces, one for each name, in two networks: `10.211.1.N` among one another, `10.211.2.N` to the servers, which are in
 * a namespace of their own with `10.211.2.100` and more. Nothing of it is seen in the machine's own network.
 */
export interface Namespaces {
  /** A program that runs another one in this namespace. */
  within(name: string, program: string): string;
  /** Runs a command there and returns its output. */
  run(name: string, ...command: readonly string[]): string;
  /** Cuts this one off from the others, not from the servers; or joins it again. */
  setPeersLink(name: string, state: "up" | "down"): void;
  /** Lets vanish what this one sends to a server; or no longer. */
  setSight(name: string, server: string, state: "lost" | "back"): void;
  /** The namespace of the servers. */
  readonly hub: string;
}

/** No card has this address. */
const NOBODY = "02:00:00:00:00:99";

/** Why there can be none here; undefined where there can. */
export function whyNoNamespaces(): string | undefined {
  try {
    const name = `chp${process.pid}t`;
    ip("netns", "add", name);
    try {
      // needs more than to make one: /sys, for example
      ip("netns", "exec", name, "true");
    } finally {
      ip("netns", "del", name);
    }
    return undefined;
  } catch (error) {
    return `network namespaces are not permitted here: ${String(error).split("\n")[0]}`;
  }
}

/** Makes them; they go with the test. `count` names `lb1`, `lb2` …, and so many addresses for servers. */
export function createNamespaces(count: number, servers: number): Namespaces {
  const mark = `chp${process.pid}`;
  const hub = `${mark}h`;
  const of = (name: string) => (name === hub ? hub : `${mark}${name}`);
  const add = (namespace: string) => {
    ip("netns", "add", namespace);
    releaseLater(`namespace ${namespace}`, () => void ip("netns", "del", namespace));
    ip("-n", namespace, "link", "set", "lo", "up");
  };
  add(hub);
  for (const bridge of ["br1", "br2"]) {
    ip("-n", hub, "link", "add", bridge, "type", "bridge");
    ip("-n", hub, "link", "set", bridge, "up");
  }
  for (let n = 0; n < servers; n++) ip("-n", hub, "address", "add", `10.211.2.${100 + n}/24`, "dev", "br2");
  for (let n = 1; n <= count; n++) {
    const namespace = of(`lb${n}`);
    add(namespace);
    for (const net of [1, 2]) {
      const inside = `e${net}`;
      ip("-n", hub, "link", "add", `lb${n}e${net}`, "type", "veth", "peer", "name", inside, "netns", namespace);
      ip("-n", hub, "link", "set", `lb${n}e${net}`, "master", `br${net}`, "up");
      ip("-n", namespace, "address", "add", `10.211.${net}.${n}/24`, "dev", inside);
      ip("-n", namespace, "link", "set", inside, "up");
    }
  }
  const dir = tempDir("namespaces");
  return {
    hub,
    within(name, program) {
      const path = join(dir, `${name}-${program}`);
      // Never while another one is being started by it.
      if (existsSync(path)) return path;
      writeFileSync(path, `#!/bin/sh\nexec ${findBinary("ip")} netns exec ${of(name)} ${findBinary(program)} "$@"\n`);
      chmodSync(path, 0o755);
      return path;
    },
    run: (name, ...command) => ip("netns", "exec", of(name), ...command),
    setSight(name, server, state) {
      const neighbour = state === "lost" ? ["replace", server, "lladdr", NOBODY, "nud", "permanent"] : ["del", server];
      ip("-n", of(name), "neighbour", ...neighbour, "dev", "e2");
    },
    setPeersLink: (name, state) => void ip("-n", hub, "link", "set", `${name}e1`, state),
  };
}

function ip(...args: readonly string[]): string {
  return execFileSync(findBinary("ip"), args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
