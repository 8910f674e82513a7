import { expect, test } from "vitest";
import { areSeparateUnits } from "../../../src/haproxy/takeover-target.ts";

const HAPROXY = "/system.slice/haproxy.service";
const OURS = "/system.slice/confd-haproxy.service";
const SHELL = "/user.slice/user-0.slice/session-1.scope";

test.each<[string, string | undefined, string | undefined, boolean]>([
  ["a unit each", HAPROXY, OURS, true],
  ["HAProxy a unit, we in a shell", HAPROXY, SHELL, true],
  ["HAProxy in a shell, we a unit", SHELL, OURS, true],
  ["one unit for both", OURS, OURS, false],
  ["both in shells", SHELL, "/user.slice/user-0.slice/session-2.scope", false],
  ["no control groups", undefined, undefined, false],
])("%s", (_, theirs, ours, separate) => {
  expect(areSeparateUnits(theirs, ours)).toBe(separate);
});
