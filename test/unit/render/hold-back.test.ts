import { join } from "node:path";
import { expect, test } from "vitest";
import { parseResource } from "../../../src/config/resource-file.ts";
import { holdBack } from "../../../src/render/hold-back.ts";
import { openRecords } from "../../../src/render/records.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { tempDir } from "../../support/temp-dir.ts";

const peers = (count: number) => Array.from({ length: count }, (_, n) => `/haproxy/peers/lb${n}`);
const entries = (count: number) => Array.from({ length: count }, (_, n) => `/haproxy/galera/g${n}`);

/** Whether these keys are held back after those. */
function heldAfter(before: readonly string[], now: readonly string[], toml = "", watched = '["/haproxy/"]') {
  const text = `[template]\nsrc = "a"\ndest = "/a"\nkeys = ${watched}\n[guard]\n${toml}`;
  const resource = parseResource({ file: "a.toml", name: "a", text, globalPrefix: "" });
  const records = openRecords(join(tempDir("hold"), "state"), { readOnly: false });
  records.setKeys("/a", before);
  return holdBack(resource, now, { records, clock: createFakeClock() })?.reason;
}

test("that three HAProxies become one is no accident of the store", () => {
  expect(heldAfter([...entries(1), ...peers(3)], [...entries(1), ...peers(1)])).toBeUndefined();
});

test("HAProxies do not make up for entries that are gone", () => {
  expect(heldAfter(entries(4), [...entries(1), ...peers(3)])).toMatch(/^4 keys shrank to 1/);
  expect(heldAfter([...entries(4), ...peers(4)], [...entries(1), ...peers(4)])).toMatch(/^4 keys shrank to 1/);
  expect(heldAfter([], [...entries(1), ...peers(3)], "min_entries = 2")).toMatch(/^only 1 of at least 2/);
  expect(heldAfter(entries(1), peers(3))).toMatch(/^there is no key at all/);
});

test("a resource that watches nothing but HAProxies has no entries to guard", () => {
  for (const watched of ['["/haproxy/peers/"]', '["/haproxy/peers"]']) {
    expect(heldAfter(peers(3), peers(1), "", watched)).toBeUndefined();
    expect(heldAfter(peers(3), [], "", watched)).toBeUndefined();
  }
  expect(heldAfter(peers(3), [], "", '["/haproxy/peers/", "/haproxy/galera/"]')).toMatch(/^there is no key at all/);
});
