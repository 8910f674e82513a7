import { expect, test } from "vitest";
import { runGroup } from "../../../src/check/group.ts";
import type { Store } from "../../../src/core/store.ts";
import type { FakeClock } from "../../support/fake-clock.ts";
import { releaseLater } from "../../support/releases.ts";
import { entryOf, group, KEY, OPTIONS } from "./group-run.ts";
import type { MemoryStore } from "./scripted.ts";

/** A watch that looks now and then and tells of another content only, as Consul's does. */
function seldom(store: MemoryStore, clock: FakeClock): Store {
  return {
    ...store,
    async *watch(key, { signal }) {
      for (let seen: string | undefined, first = true; ; first = false) {
        const { value } = store.values.get(key) ?? {};
        if (first || value !== seen) yield await store.list(key, { signal });
        seen = value;
        await clock.sleep(100, signal);
      }
    },
  };
}

test("a person who names another and then, at once, the first again is heard, though no watch tells of it", async () => {
  const { checker, store, clock, logger } = group([1, 2, 3]);
  const watched = seldom(store, clock);
  const controller = new AbortController();
  let isBack = false;
  const racing: Store = {
    ...watched,
    async get(key, call) {
      const pair = await watched.get(key, call);
      // Behind the answer to our lost write, before the watch looks.
      if (!isBack) store.set(KEY, entryOf(1));
      isBack = true;
      return pair;
    },
  };
  const running = runGroup(OPTIONS, {
    checker,
    store: racing,
    clock,
    logger,
    signal: controller.signal,
  });
  releaseLater("group", async () => {
    controller.abort(new Error("stopped by the test"));
    await running;
  });
  await clock.advance(100);
  store.beforePut = () => {
    store.beforePut = () => {};
    store.set(KEY, entryOf(3));
  };
  checker.behaviour.set(1, "down");
  await clock.advance(4_000);
  expect(logger.messages()).toContain("scripted t: 127.0.0.1:3 stays published");
  expect(JSON.parse(store.values.get(KEY)?.value ?? "")).toMatchObject({ port: 2 });
});
