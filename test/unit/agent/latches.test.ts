import { mkdirSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createLatches } from "../../../src/agent/latches.ts";
import { openNotes } from "../../../src/agent/notes.ts";
import { createCaptureLogger } from "../../support/capture-logger.ts";
import { tempDir } from "../../support/temp-dir.ts";

const SERVER = "10.0.0.5:11211";
const OTHER = "10.0.0.6:11211";

/** What is known of the store, which the test changes. */
interface Knowledge {
  current: boolean;
  source: string;
  ids: readonly string[];
}

function setUp(folder = join(tempDir("latches"), "agent"), knowledge: Partial<Knowledge> = {}) {
  const known: Knowledge = { current: true, source: "consul://a", ids: [], ...knowledge };
  const logger = createCaptureLogger();
  const book = () => ({ ...known, recoveries: () => known.ids });
  const latches = createLatches({ notes: openNotes(folder), book, logger });
  return { folder, known, logger, latches, latch: latches.of("memcached", "mem1") };
}

describe("a latch", () => {
  test("holds nobody at first", () => {
    const { latch, latches } = setUp();
    expect(latch.held(SERVER)).toBeUndefined();
    expect(latches.review()).toEqual([]);
  });

  test("holds whom it was told to, with the first reason, and nobody else", () => {
    const { latch, latches } = setUp();
    latch.hold(SERVER, "lag 35 s");
    latch.hold(SERVER, "refused");
    expect(latch.held(SERVER)).toBe("lag 35 s");
    expect(latch.held(OTHER)).toBeUndefined();
    expect(latches.of("memcached", "mem2").held(SERVER)).toBeUndefined();
    expect(latches.of("redismaster", "mem1").held(SERVER)).toBeUndefined();
  });

  test("still holds in the next process, and one after", () => {
    const { latch, folder } = setUp();
    latch.hold(SERVER, "lag 35 s");
    expect(setUp(folder).latch.held(SERVER)).toBe("lag 35 s");
    expect(setUp(folder).latch.held(SERVER)).toBe("lag 35 s");
  });

  test("lets all go by --recover, for good", () => {
    const { latch, folder } = setUp();
    latch.hold(SERVER, "lag");
    latch.hold(OTHER, "lag");
    const { latches, latch: next } = setUp(folder);
    expect(latches.release("memcached", "mem1")).toEqual([SERVER, OTHER]);
    expect(next.held(SERVER)).toBeUndefined();
    expect(setUp(folder).latch.held(OTHER)).toBeUndefined();
    expect(readdirSync(folder)).toEqual([]);
  });

  test("keeps what another process on the same tag has noted of other servers", () => {
    const { latch, folder } = setUp();
    const beside = setUp(folder);
    latch.hold(SERVER, "lag");
    beside.latch.hold(OTHER, "refused");
    expect(setUp(folder).latch.held(SERVER)).toBe("lag");
    beside.known.ids = ["new"];
    expect(beside.latches.review()).toHaveLength(1);
    expect(setUp(folder).latch.held(SERVER)).toBe("lag");
    expect(setUp(folder).latch.held(OTHER)).toBeUndefined();
  });
});

describe("a recovery that is said by hand", () => {
  test("lets go of who was held before it, for good, and says whom", () => {
    const { latch, latches, known, folder } = setUp();
    latch.hold(SERVER, "lag");
    expect(latches.review()).toEqual([]);
    known.ids = ["first"];
    expect(latches.review()).toEqual([`memcached mem1: ${SERVER}`]);
    expect(latch.held(SERVER)).toBeUndefined();
    expect(setUp(folder).latch.held(SERVER)).toBeUndefined();
  });

  test("does nothing for who is held after it; the next one does", () => {
    const { latch, latches, known } = setUp(undefined, { ids: ["first"] });
    latch.hold(SERVER, "lag");
    expect(latches.review()).toEqual([]);
    known.ids = ["second"];
    expect(latches.review()).toHaveLength(1);
  });

  test("while the process was down lets go when the process is back", () => {
    const { latch, folder } = setUp(undefined, { ids: ["first"] });
    latch.hold(SERVER, "lag");
    const next = setUp(folder, { ids: ["second"] });
    expect(next.latches.review()).toHaveLength(1);
  });

  test("lets nobody go by being removed, nor by being put back", () => {
    const { latch, latches, known } = setUp(undefined, { ids: ["of the tag", "of the server"] });
    latch.hold(SERVER, "lag");
    for (const ids of [["of the server"], [], ["of the tag", "of the server"]]) {
      known.ids = ids;
      expect(latches.review()).toEqual([]);
    }
    expect(latch.held(SERVER)).toBe("lag");
  });

  test("is not known while the store was never read: then the first that is read lets nobody go", () => {
    const { latch, latches, known, folder } = setUp(undefined, { current: false });
    latch.hold(SERVER, "lag");
    expect(latches.review()).toEqual([]);
    known.current = true;
    known.ids = ["of last month"];
    expect(latches.review()).toEqual([]);
    expect(setUp(folder, { ids: ["of last month"] }).latches.review()).toEqual([]);
    known.ids = ["of today"];
    expect(latches.review()).toHaveLength(1);
  });

  test("from before the server went down, heard only after the store came back, lets nobody go", () => {
    const { latch, latches, known } = setUp();
    known.current = false;
    latch.hold(SERVER, "lag");
    known.current = true;
    known.ids = ["said during the outage"];
    expect(latches.review()).toEqual([]);
    expect(latch.held(SERVER)).toBe("lag");
  });

  test("in another store than before lets nobody go; the next one there does", () => {
    const { latch, folder } = setUp();
    latch.hold(SERVER, "lag");
    const { latches, known } = setUp(folder, { source: "consul://b", ids: ["of last month"] });
    expect(latches.review()).toEqual([]);
    known.ids = ["of today"];
    expect(latches.review()).toHaveLength(1);
  });

  test("is not heard where nobody's orders are followed", () => {
    const folder = tempDir("latches");
    const latches = createLatches({ notes: openNotes(folder), book: () => undefined, logger: createCaptureLogger() });
    latches.of("memcached", "mem1").hold(SERVER, "lag");
    expect(latches.review()).toEqual([]);
    expect(setUp(folder, { ids: ["x"] }).latches.review()).toEqual([]);
  });
});

describe("a note of who is held", () => {
  test.each([
    "",
    "{",
    "null",
    "[]",
    '"held"',
    "7",
    `{"${SERVER}":null}`,
    `{"${SERVER}":{}}`,
    `{"${SERVER}":{"reason":7}}`,
    `{"${SERVER}":{"reason":"lag","said":"first"}}`,
    `{"${SERVER}":{"reason":"lag","said":{"store":"a","ids":[7]}}}`,
  ])("that holds %s is an error in words, never read as nobody", (text) => {
    const { latches, folder } = setUp();
    const { path } = openNotes(folder);
    writeFileSync(path("held memcached/mem2"), text);
    for (const read of [() => latches.of("memcached", "mem2"), () => latches.release("memcached", "mem2")]) {
      expect(read).toThrow(expect.objectContaining({ code: "E_FILE" }));
      expect(read).toThrow(`${path("held memcached/mem2")} is damaged`);
    }
  });

  test("that cannot be written is told, holds as long as the process lives, and is written when it can be", () => {
    const { latch, latches, folder, logger } = setUp();
    const obstacle = openNotes(folder).path("held memcached/mem1");
    mkdirSync(obstacle);
    latch.hold(SERVER, "lag");
    expect(latch.held(SERVER)).toBe("lag");
    expect(logger.messages("error")).toEqual([
      expect.stringMatching(/^memcached mem1: who is held down is known only until this process ends: using the state/),
    ]);
    rmdirSync(obstacle);
    latches.review();
    expect(setUp(folder).latch.held(SERVER)).toBe("lag");
  });
});
