import { expect, test } from "vitest";
import { createPairMemory } from "../../../src/templating/pair-memory.ts";

const pair = (key: string, value: string) => ({ key, value, index: "1" });

test("what was made of a pair stays as long as its value does, even if the store made a new pair of it", () => {
  const memory = createPairMemory();
  const value = JSON.stringify({ name: "a", host: "10.0.0.1", port: 1, proxyport: 2 });
  const first = memory.entry(pair("/h/k/a", value));
  expect(first.view?.name).toBe("a");
  expect(memory.entry(pair("/h/k/a", value))).toBe(first);
  expect(memory.entry(pair("/h/k/a", `${value} `))).not.toBe(first);
});

test("keys that come and go for ever do not pile up", () => {
  const memory = createPairMemory();
  const kept = pair("/kept", "v");
  const view = memory.view(kept);
  for (let i = 0; i < 1_000; i++) memory.view(pair(`/gone/${i}`, "v"));
  memory.prepare([kept]);
  expect(memory.view(kept)).toBe(view);
  for (let i = 1_000; i < 1_100; i++) memory.view(pair(`/gone/${i}`, "v"));
  memory.prepare([kept]);
  expect(memory.view(kept)).not.toBe(view);
});
