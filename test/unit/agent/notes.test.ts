import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openNotes } from "../../../src/agent/notes.ts";
import { tempDir } from "../../support/temp-dir.ts";

/** No process has it: Linux' highest is 4194304. */
const DEAD_PID = 4_194_305;

describe("notes", () => {
  test("are there for the next process, and gone when they are forgotten", () => {
    const folder = join(tempDir("notes"), "state", "agent");
    const notes = openNotes(folder);
    expect(notes.get("held memcached/mem1")).toBeUndefined();
    notes.set("held memcached/mem1", { a: [1, null, "ü"] });
    expect(openNotes(folder).get("held memcached/mem1")).toEqual({ a: [1, null, "ü"] });
    notes.set("held memcached/mem1", undefined);
    expect(openNotes(folder).get("held memcached/mem1")).toBeUndefined();
    notes.set("held memcached/mem1", undefined);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("lie in one folder, whatever their names", () => {
    const folder = tempDir("notes");
    const notes = openNotes(folder);
    const names = ["a/b", "a%2Fb", "../out", ".", "..", "", "owed a/b@[::1]:1", "ü"];
    for (const [value, name] of names.entries()) notes.set(name, value);
    for (const [value, name] of names.entries()) expect(notes.get(name)).toBe(value);
    expect(readdirSync(folder)).toHaveLength(names.length);
    expect(existsSync(join(folder, "../out.json"))).toBe(false);
  });

  test.each(["", "{", '{"a":1', "\0\0\0\0"])("that hold %j are damaged, which names the file", (text) => {
    const notes = openNotes(tempDir("notes"));
    writeFileSync(notes.path("held a/b"), text);
    expect(() => notes.get("held a/b")).toThrow(expect.objectContaining({ code: "E_FILE" }));
    expect(() => notes.get("held a/b")).toThrow(`${notes.path("held a/b")} is damaged`);
  });

  test("that cannot be read are an error, not nothing", () => {
    const notes = openNotes(tempDir("notes"));
    mkdirSync(notes.path("a"));
    expect(() => notes.get("a")).toThrow(expect.objectContaining({ code: "E_FILE" }));
  });

  test("that cannot be written are an error, and what was there stays", () => {
    const notes = openNotes(tempDir("notes"));
    notes.set("a", 1);
    const longer = "x".repeat(300);
    expect(() => notes.set(longer, 1)).toThrow(
      expect.objectContaining({ code: "E_FILE", hint: expect.stringContaining("--state-dir") }),
    );
    expect(notes.get("a")).toBe(1);
  });

  test("need a folder that can be made", () => {
    const file = join(tempDir("notes"), "file");
    writeFileSync(file, "");
    expect(() => openNotes(join(file, "agent"))).toThrow(
      expect.objectContaining({ code: "E_FILE", hint: expect.stringContaining("--state-dir") }),
    );
  });

  test("sweep what a killed process left half written, and nothing else", () => {
    const folder = tempDir("notes");
    openNotes(folder).set("a", 1);
    const left = join(folder, `.a.json.${DEAD_PID}.abc0`);
    const writing = join(folder, `.a.json.${process.pid}.abc0`);
    writeFileSync(left, "{");
    writeFileSync(writing, "{");
    writeFileSync(join(folder, "README"), "hello");
    openNotes(folder);
    expect(readdirSync(folder).sort()).toEqual([`.a.json.${process.pid}.abc0`, "README", "a.json"]);
    expect(readFileSync(join(folder, "a.json"), "utf8")).toBe("1\n");
  });
});
