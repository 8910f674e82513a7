import { expect, test } from "vitest";
import { readHaproxyArgs } from "../../../src/haproxy/process-args.ts";

test("what is about one start only is left out, with its values", () => {
  const args = readHaproxyArgs("-D -f a.cfg -x /s.sock -p /pid -db -sf 12 34 -C /etc -d -st 5 -dM -L peer".split(" "));
  expect(args).toEqual({
    lasting: "-f a.cfg -p /pid -C /etc -dM -L peer".split(" "),
    behindDashes: [],
    isMasterWorker: false,
    files: ["a.cfg"],
    folder: "/etc",
  });
});

test("values that look like options are values", () => {
  expect(readHaproxyArgs(["-L", "-D", "-f", "-db", "-n", "-sf"]).lasting).toEqual([
    "-L",
    "-D",
    "-f",
    "-db",
    "-n",
    "-sf",
  ]);
});

test("all that stands behind two dashes is files", () => {
  const args = readHaproxyArgs(["-D", "-f", "a.cfg", "-sf", "12", "--", "b.cfg", "-D"]);
  expect(args.lasting).toEqual(["-f", "a.cfg"]);
  expect(args.behindDashes).toEqual(["--", "b.cfg", "-D"]);
  expect(args.files).toEqual(["a.cfg", "b.cfg", "-D"]);
});

test.each(["-W", "-Ws"])("%s is a master", (word) => {
  expect(readHaproxyArgs([word, "-S", "/m.sock", "-f", "a.cfg"]).isMasterWorker).toBe(true);
});

test("what a loader was told is kept in its place", () => {
  const words = ["--argv0", "/opt/haproxy", "--library-path", "/opt/lib", "/opt/sbin/haproxy", "-f", "a.cfg"];
  expect(readHaproxyArgs([...words, "-sf", "7"]).lasting).toEqual(words);
});
