import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkers } from "../../../checkers/registry.ts";

const FOLDER = join(import.meta.dirname, "../../../checkers");

test("the registry lists exactly the files of its folder, by the names users write", async () => {
  // A kind with many parts keeps them in a folder of their own.
  const files = readdirSync(FOLDER).filter((name) => name.endsWith(".ts") && name !== "registry.ts");
  expect(files.map((name) => name.replace(/\.ts$/, "")).sort()).toEqual(Object.keys(checkers).sort());
  for (const [kind, load] of Object.entries(checkers)) expect((await load()).kind).toBe(kind);
});
