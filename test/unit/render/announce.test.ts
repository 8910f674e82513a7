import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../../../src/lib/system-clock.ts";
import { announcePeer } from "../../../src/render/announce.ts";
import type { LocalNames, LocalPeer } from "../../../src/render/local-peer.ts";
import { createFilesStore } from "../../../src/stores/files.ts";
import { createCaptureLogger } from "../../support/capture-logger.ts";
import { eventually } from "../../support/eventually.ts";
import { releaseLater } from "../../support/releases.ts";
import { tempDir } from "../../support/temp-dir.ts";

const PLACE = { host: "10.0.0.1", port: 10_000, socket: undefined };
const VALUE = '{"name":"lb1","host":"10.0.0.1","port":10000}';

const called = (name: string, certain = true): LocalPeer => {
  const said: LocalNames = { names: [name], from: certain ? "haproxy" : "host name", certain };
  return async () => said;
};

/** A folder as a store, in which keys outlive their writers, and an HAProxy that is announced there. */
function announced(local: LocalPeer = called("lb1"), prefix = "") {
  const folder = tempDir("store");
  const logger = createCaptureLogger();
  const store = createFilesStore(folder, { clock: systemClock, logger });
  const peer = announcePeer({ prefix, place: PLACE, local }, { store, clock: systemClock, logger });
  releaseLater("store", async () => {
    await peer.end();
    await store.close();
  });
  const file = (name: string) => join(folder, "haproxy/peers", name);
  return {
    ...{ folder, logger, peer, file },
    read: (name = "lb1") => (existsSync(file(name)) ? readFileSync(file(name), "utf8").trim() : undefined),
  };
}

test("it is written, and taken away at the end", async () => {
  const { peer, read } = announced();
  await eventually("the key", () => read() === VALUE);
  await peer.end();
  expect(read()).toBeUndefined();
  await peer.end();
});

test("somebody deletes it or writes over it: it is written again", async () => {
  const { file, read } = announced();
  await eventually("the key", () => read() === VALUE);
  rmSync(file("lb1"));
  await eventually("the key again", () => read() === VALUE);
  writeFileSync(file("lb1"), "something else");
  await eventually("our value again", () => read() === VALUE);
});

test("another name is another key, and the old one goes", async () => {
  const { peer, read } = announced();
  await eventually("the key", () => read() === VALUE);
  peer.want({ prefix: "", place: PLACE, local: called("lb9") });
  await eventually("the new key", () => read("lb9")?.includes('"lb9"'));
  await eventually("the old key is gone", () => read("lb1") === undefined);
});

test("another port is written over the old one", async () => {
  const { peer, read } = announced();
  await eventually("the key", () => read() === VALUE);
  peer.want({ prefix: "", place: { ...PLACE, port: 10_001 }, local: called("lb1") });
  await eventually("the new port", () => read()?.includes("10001"));
});

test("a prefix stands in front of its key", async () => {
  const { folder } = announced(called("lb1"), "dc1");
  await eventually("the key", () => existsSync(join(folder, "dc1/haproxy/peers/lb1")));
});

test("an HAProxy that cannot be asked yet is announced by its host name, and under its own as soon as that is known", async () => {
  let local = called("box", false);
  const { read } = announced((call) => local(call));
  await eventually("the host name", () => read("box"));
  local = called("lb1");
  await eventually("its own name", () => read("lb1") === VALUE);
  await eventually("the host name is gone", () => read("box") === undefined);
});

test("a store that does not answer is told of once, and tried again until it does", async () => {
  const folder = join(tempDir("gone"), "not/there");
  const logger = createCaptureLogger();
  const store = createFilesStore(folder, { clock: systemClock, logger });
  const peer = announcePeer({ prefix: "", place: PLACE, local: called("lb1") }, { store, clock: systemClock, logger });
  await eventually("an error", () => logger.messages("error").length > 0);
  mkdirSync(folder, { recursive: true });
  await eventually("the key", () => existsSync(join(folder, "haproxy/peers/lb1")));
  expect(logger.messages("error")).toEqual(["this HAProxy cannot be announced to its peers; it is tried again"]);
  await peer.end();
  await store.close();
});
