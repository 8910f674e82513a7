import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import type { Snapshot, Store } from "../../src/core/store.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import type { FilesTiming } from "../../src/stores/files-timing.ts";
import { openStore } from "../../src/stores/open.ts";
import { type CaptureLogger, createCaptureLogger } from "../support/capture-logger.ts";
import { eventually } from "../support/eventually.ts";
import { releaseLater } from "../support/releases.ts";
import { tempDir } from "../support/temp-dir.ts";

/** Longer than any test: what is seen was reported by the kernel, not found by looking again. */
const NEVER_MS = 3_600_000;

let root: string;
let logger: CaptureLogger;
let stop: AbortController;
const call = () => ({ signal: stop.signal });

beforeEach(() => {
  root = join(tempDir("files"), "entries");
  mkdirSync(root);
  logger = createCaptureLogger();
  const controller = new AbortController();
  stop = controller;
  releaseLater("watches", () => controller.abort());
});

async function open(path = root, timing: Partial<FilesTiming> = { rescanMs: NEVER_MS }): Promise<Store> {
  const store = await openStore({ type: "file", path }, { clock: systemClock, logger, filesTiming: timing });
  releaseLater("store", () => store.close());
  return store;
}

function collect(store: Store, prefix = "haproxy/"): { snapshots: Snapshot[]; ended: Promise<unknown> } {
  const snapshots: Snapshot[] = [];
  const run = async () => {
    for await (const snapshot of store.watch(prefix, call())) snapshots.push(snapshot);
  };
  return {
    snapshots,
    ended: run().then(
      () => "ended without an error",
      (error: unknown) => error,
    ),
  };
}

function write(key: string, text: string): void {
  mkdirSync(join(root, key, ".."), { recursive: true });
  writeFileSync(join(root, key), text);
}

const show = (snapshot: Snapshot | undefined) => snapshot?.pairs.map(({ key, value }) => `${key}=${value}`).join(" ");

describe("what is in a file", () => {
  test.each([
    ["as an editor leaves it", "v\n", "v"],
    ["without a newline at its end", "v", "v"],
    ["with an empty line at its end", "v\n\n", "v\n"],
    ["empty", "", ""],
  ])("%s", async (_what, text, value) => {
    write("haproxy/a", text);
    expect((await (await open()).get("haproxy/a", call()))?.value).toBe(value);
  });

  test("a value is written with one newline behind it, for editors and git", async () => {
    await (await open()).put("haproxy/memcached/a", '{"name":"a"}', call());
    expect(readFileSync(join(root, "haproxy/memcached/a"), "utf8")).toBe('{"name":"a"}\n');
    expect(readdirSync(root)).toEqual(["haproxy"]);
  });

  test("a file keeps its mode when its value changes", async () => {
    write("haproxy/a", "1\n");
    chmodSync(join(root, "haproxy/a"), 0o640);
    const store = await open();
    await store.put("haproxy/a", "2", call());
    expect(statSync(join(root, "haproxy/a")).mode & 0o777).toBe(0o640);
  });

  test("hidden files, editors' copies, pipes and their like are no keys", async () => {
    for (const name of [".git/config", "haproxy/.a.swp", "haproxy/a~", "haproxy/a"]) write(name, "x\n");
    execFileSync("mkfifo", [join(root, "haproxy/pipe")]);
    const store = await open();
    expect(show(await store.list("", call()))).toBe("haproxy/a=x");
    expect(await store.get("haproxy/pipe", call())).toBeUndefined();
    await expect(store.put("haproxy/.a", "x", call())).rejects.toMatchObject({ code: "E_USAGE" });
    await expect(store.put("haproxy/a~", "x", call())).rejects.toMatchObject({ code: "E_USAGE" });
  });

  test("a key cannot be the beginning of another one, and the error says so", async () => {
    const store = await open();
    await store.put("haproxy/a", "1", call());
    for (const key of ["haproxy/a/b", "haproxy"]) {
      await expect(store.put(key, "1", call())).rejects.toMatchObject({
        code: "E_STORE_INVALID",
        hint: expect.stringContaining("beginning of other keys"),
      });
    }
    expect(show(await store.list("", call()))).toBe("haproxy/a=1");
  });

  test("deleting the last key of a folder takes the folder, but not the store", async () => {
    const store = await open();
    await store.put("haproxy/memcached/a", "1", call());
    await store.delete("haproxy/memcached/a", call());
    expect(readdirSync(root)).toEqual([]);
    expect((await store.list("", call())).pairs).toEqual([]);
  });

  test("folders that lead round in a circle are an error, not a hang", async () => {
    write("haproxy/a", "1\n");
    symlinkSync(root, join(root, "haproxy/round"));
    await expect((await open()).list("", call())).rejects.toMatchObject({ code: "E_STORE_INVALID" });
  });
});

describe("a folder that is not there", () => {
  test("is an error when read, by every way of reading", async () => {
    const store = await open(join(root, "missing"));
    const error = { code: "E_STORE_UNREACHABLE", hint: expect.stringContaining("--store") };
    await expect(store.get("a", call())).rejects.toMatchObject(error);
    await expect(store.list("", call())).rejects.toMatchObject(error);
    await expect(store.delete("a", call())).rejects.toMatchObject(error);
    expect(await collect(store).ended).toMatchObject(error);
  });

  test("is made by the first write", async () => {
    const store = await open(join(root, "missing"));
    expect(await store.put("haproxy/a", "1", call())).toBe(true);
    expect(show(await store.list("", call()))).toBe("haproxy/a=1");
  });

  test("is not made where the folder above it is missing too: its file system is not mounted", async () => {
    const store = await open(join(root, "disk/missing"));
    await expect(store.put("haproxy/a", "1", call())).rejects.toMatchObject({ code: "E_STORE_UNREACHABLE" });
    expect(readdirSync(root)).toEqual([]);
  });

  test("is not made anew when it goes away in use: empty, it would say that nothing was ever written", async () => {
    const store = await open();
    await store.put("haproxy/a", "1", call());
    renameSync(root, `${root}.away`);
    await expect(store.put("haproxy/b", "2", call())).rejects.toMatchObject({ code: "E_STORE_UNREACHABLE" });
    renameSync(`${root}.away`, root);
    await store.put("haproxy/b", "2", call());
    expect(show(await store.list("", call()))).toBe("haproxy/a=1 haproxy/b=2");
  });

  test("is an error when a file is in its place", async () => {
    write("a", "x");
    await expect((await open(join(root, "a"))).list("", call())).rejects.toMatchObject({ code: "E_STORE_UNREACHABLE" });
  });

  test("while an empty one is a store without entries", async () => {
    expect((await (await open()).list("haproxy/", call())).pairs).toEqual([]);
  });
});

describe("changes by hand are seen", () => {
  test("in folders that come, go and come again during the watch", async () => {
    const { snapshots } = collect(await open());
    await eventually("the first snapshot", () => snapshots.length === 1);
    for (const round of [1, 2, 3]) {
      write("haproxy/redis/deep/a", `${round}\n`);
      await eventually("the key", () => show(snapshots.at(-1)) === `haproxy/redis/deep/a=${round}`);
      writeFileSync(join(root, "haproxy/redis/deep/a"), `${round} again\n`);
      await eventually("its change", () => show(snapshots.at(-1)) === `haproxy/redis/deep/a=${round} again`);
      rmSync(join(root, "haproxy"), { recursive: true });
      await eventually("its end", () => show(snapshots.at(-1)) === "");
    }
  });

  test("when a whole folder is swapped for another", async () => {
    write("haproxy/redis/a", "old\n");
    const next = join(root, "../next");
    mkdirSync(next);
    writeFileSync(join(next, "a"), "new\n");
    const { snapshots } = collect(await open());
    await eventually("the first snapshot", () => snapshots.length === 1);
    renameSync(join(root, "haproxy/redis"), join(root, "../gone"));
    renameSync(next, join(root, "haproxy/redis"));
    await eventually("the new one", () => show(snapshots.at(-1)) === "haproxy/redis/a=new");
    writeFileSync(join(root, "haproxy/redis/a"), "newer\n");
    await eventually("a change in it", () => show(snapshots.at(-1)) === "haproxy/redis/a=newer");
  });

  test("when a link is swapped for all files at once, as Kubernetes does", async () => {
    for (const version of ["..v1", "..v2"]) {
      mkdirSync(join(root, version));
      writeFileSync(join(root, version, "a"), `${version} a\n`);
      writeFileSync(join(root, version, "b"), `${version} b\n`);
    }
    symlinkSync("..v1", join(root, "..data"));
    for (const name of ["a", "b"]) symlinkSync(`..data/${name}`, join(root, name));
    const { snapshots } = collect(await open(), "");
    await eventually("the first snapshot", () => show(snapshots[0]) === "a=..v1 a b=..v1 b");
    symlinkSync("..v2", join(root, "..data_tmp"));
    renameSync(join(root, "..data_tmp"), join(root, "..data"));
    await eventually("the new one", () => show(snapshots.at(-1)) === "a=..v2 a b=..v2 b");
    expect(snapshots).toHaveLength(2);
  });

  test("when a file is written piece by piece, only the whole is taken", async () => {
    write("haproxy/a", "old\n");
    const { snapshots } = collect(await open(root, { rescanMs: NEVER_MS, settleMs: 500 }));
    await eventually("the first snapshot", () => snapshots.length === 1);
    const fd = openSync(join(root, "haproxy/a"), "w");
    for (const piece of ["one ", "two ", "three\n"]) {
      writeSync(fd, piece);
      await new Promise(setImmediate);
    }
    closeSync(fd);
    await eventually("the new value", () => snapshots.length > 1);
    expect(show(snapshots[1])).toBe("haproxy/a=one two three");
  });

  test("while a file that never stands still is read in the end", async () => {
    write("haproxy/log", "\n");
    const { snapshots } = collect(await open(root, { rescanMs: NEVER_MS, settleMs: 30 }));
    await eventually("the first snapshot", () => snapshots.length === 1);
    await eventually("a reading while it grows", () => {
      appendFileSync(join(root, "haproxy/log"), "more\n");
      return snapshots.length > 1;
    });
  });

  test("a put of ours is read without waiting for the file to stand still", async () => {
    write("haproxy/a", "old\n");
    const store = await open(root, { rescanMs: NEVER_MS, settleMs: NEVER_MS });
    const { snapshots } = collect(store);
    await eventually("the first snapshot", () => snapshots.length === 1);
    await store.put("haproxy/a", "new", call());
    await eventually("the new value", () => show(snapshots.at(-1)) === "haproxy/a=new");
  });

  test("by looking again when nothing was reported, as on a network file system", async () => {
    // A link out of the watched folders: the kernel reports nothing for what happens behind it.
    const elsewhere = join(root, "../elsewhere");
    writeFileSync(elsewhere, "old\n");
    mkdirSync(join(root, "haproxy"));
    symlinkSync(elsewhere, join(root, "haproxy/a"));
    const { snapshots } = collect(await open(root, { rescanMs: 50 }));
    await eventually("the first snapshot", () => snapshots.length === 1);
    writeFileSync(elsewhere, "new\n");
    await eventually("the new value", () => show(snapshots.at(-1)) === "haproxy/a=new");
    expect(snapshots).toHaveLength(2);
  });

  test("two changes within one tick of the file system's clock, of the same length, are both seen", async () => {
    write("haproxy/a", "0000\n");
    const store = await open();
    for (let n = 1; n <= 200; n++) {
      const text = String(n).padStart(4, "0");
      writeFileSync(join(root, "haproxy/a"), `${text}\n`);
      expect((await store.list("haproxy/", call())).pairs[0]?.value).toBe(text);
    }
  });
});

describe("one document", () => {
  const path = () => join(root, "snapshot.yaml");

  test("is read by key and by prefix, and cannot be written", async () => {
    writeFileSync(path(), "haproxy/a: text\nhaproxy/b:\n  port: 1\nother: 2\n");
    const store = await open(path());
    expect(show(await store.list("haproxy/", call()))).toBe('haproxy/a=text haproxy/b={"port":1}');
    expect((await store.get("other", call()))?.value).toBe("2");
    expect(await store.get("haproxy", call())).toBeUndefined();
    const error = { code: "E_USAGE", message: expect.stringContaining("read-only") };
    await expect(store.put("haproxy/a", "1", call())).rejects.toMatchObject(error);
    await expect(store.delete("haproxy/a", call())).rejects.toMatchObject(error);
  });

  test("is watched, whether it is written in place or swapped; what did not change stays the same object", async () => {
    writeFileSync(path(), "haproxy/a: 1\nhaproxy/b: 2\n");
    const { snapshots } = collect(await open(path()));
    await eventually("the first snapshot", () => show(snapshots[0]) === "haproxy/a=1 haproxy/b=2");
    writeFileSync(path(), "haproxy/a: 1\nhaproxy/b: 3\n# a comment\n");
    await eventually("the change", () => show(snapshots.at(-1)) === "haproxy/a=1 haproxy/b=3");
    expect(snapshots[1]?.pairs[0]).toBe(snapshots[0]?.pairs[0]);
    writeFileSync(`${path()}.new`, "haproxy/a: 1\nhaproxy/b: 4\nother: 1\n");
    renameSync(`${path()}.new`, path());
    await eventually("the next", () => show(snapshots.at(-1)) === "haproxy/a=1 haproxy/b=4");
    expect(snapshots).toHaveLength(3);
  });

  test("that is not there, or broken, is an error that names the file, also during a watch", async () => {
    const store = await open(path());
    await expect(store.list("", call())).rejects.toMatchObject({ code: "E_STORE_UNREACHABLE" });
    writeFileSync(path(), "haproxy/a: 1\n");
    const { snapshots, ended } = collect(store);
    await eventually("the first snapshot", () => snapshots.length === 1);
    writeFileSync(path(), "haproxy/a: [1\n");
    expect(await ended).toMatchObject({ code: "E_STORE_INVALID", message: expect.stringContaining(path()) });
    expect(snapshots).toHaveLength(1);
  });

  test("a folder whose name looks like a document is a folder", async () => {
    const folder = join(root, "entries.json");
    mkdirSync(folder);
    const store = await open(folder);
    expect(await store.put("haproxy/a", "1", call())).toBe(true);
    expect(readFileSync(join(folder, "haproxy/a"), "utf8")).toBe("1\n");
  });
});
