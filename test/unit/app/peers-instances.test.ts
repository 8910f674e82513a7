import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { followInstances } from "../../../src/app/peers-instances.ts";
import { parseResource } from "../../../src/config/resource-file.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { tempDir } from "../../support/temp-dir.ts";

function resourceWith(file: string) {
  const text = `[template]
src = "t"
dest = "/t"
[peers]
pattern = "lb-{n}:10000"
instances_file = "${file}"
`;
  return parseResource({ file: "t.toml", name: "t", globalPrefix: "", text });
}

test("another number is told once, within 5 s; the same one, and a file that is away for a moment, are not", async () => {
  const file = join(tempDir("instances"), "instances");
  writeFileSync(file, "2\n");
  const clock = createFakeClock();
  const stop = new AbortController();
  const changes: string[] = [];
  const onChange = (path: string) => void changes.push(path);
  const following = followInstances([resourceWith(file)], { clock, signal: stop.signal, onChange });
  await clock.advance(12_000);
  writeFileSync(file, "2");
  await clock.advance(6_000);
  rmSync(file);
  await clock.advance(6_000);
  expect(changes).toEqual([]);
  writeFileSync(file, "3\n");
  await clock.advance(20_000);
  expect(changes).toEqual([file]);
  stop.abort(new Error("over"));
  await following;
});
