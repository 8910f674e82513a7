import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createDecoder } from "../../../src/stores/consul-decode.ts";
import { changedWindow } from "../../../src/stores/consul-delta.ts";

interface Row {
  readonly key: string;
  readonly value: string | null;
  readonly index: number;
  readonly holder?: string;
}

/** As Consul prints: fields in this order, sorted by key; compact, or indented by four as in `-dev` mode. */
function print(rows: readonly Row[], indent = 0): Buffer {
  const raws = rows.map(({ key, value, index, holder }) => ({
    LockIndex: 0,
    Key: key,
    Flags: 0,
    Value: value === null ? null : Buffer.from(value).toString("base64"),
    ...(holder === undefined ? {} : { Session: holder }),
    CreateIndex: 1,
    ModifyIndex: index,
  }));
  return Buffer.from(JSON.stringify(raws, null, indent));
}

function rowsOf(count: number): Row[] {
  return Array.from({ length: count }, (_, i) => ({
    key: `haproxy/k${String(i).padStart(5, "0")}`,
    value: `value ${i}`,
    index: i + 1,
  }));
}

/** What is expected, by the plainest code there is. */
function expectedPairs(rows: readonly Row[]) {
  return rows
    .filter(({ key }) => !key.endsWith("/"))
    .map(({ key, value, index }) => ({ key, value: value ?? "", index: String(index) }));
}

describe("reading Consul's answers", () => {
  test("values are decoded, null is the empty value, folder markers are left out", () => {
    const rows = [
      { key: "haproxy/", value: null, index: 1 },
      { key: "haproxy/a", value: "Zürich 東京 𝄞\n", index: 2 },
      { key: "haproxy/b", value: null, index: 3 },
    ];
    expect(createDecoder().decode(print(rows)).pairs).toEqual([
      { key: "haproxy/a", value: "Zürich 東京 𝄞\n", index: "2" },
      { key: "haproxy/b", value: "", index: "3" },
    ]);
  });

  test.each([0, 4])("who holds a key is told, also where only what changed is read (indent %i)", (indent) => {
    const decoder = createDecoder();
    const rows = rowsOf(1_000);
    expect(decoder.decode(print(rows, indent)).holderOf("haproxy/k00500")).toBe("");
    rows[500] = { ...(rows[500] as Row), index: 2_000, holder: "session-1" };
    const taken = decoder.decode(print(rows, indent));
    expect(taken.holderOf("haproxy/k00500")).toBe("session-1");
    expect(taken.holderOf("haproxy/k00501")).toBe("");
    expect(taken.holderOf("haproxy/k0050")).toBeUndefined();
    expect(taken.revision).toBe(createDecoder().decode(print(rows, indent)).revision);
    rows[500] = { ...(rows[500] as Row), index: 2_001, holder: "session-2" };
    expect(decoder.decode(print(rows, indent)).holderOf("haproxy/k00500")).toBe("session-2");
    rows.splice(500, 1);
    expect(decoder.decode(print(rows, indent)).holderOf("haproxy/k00500")).toBeUndefined();
  });

  test("an answer that is not sorted by key is sorted", () => {
    const rows = [rowsOf(3)[2], rowsOf(3)[0], rowsOf(3)[1]] as Row[];
    expect(createDecoder().decode(print(rows)).pairs).toEqual(expectedPairs(rowsOf(3)));
  });

  test.each([
    ["text", "No cluster leader"],
    ["half an answer", '[{"LockIndex":0,"Key":"a"'],
    ["an object", '{"Key":"a"}'],
    ["a list of other things", '["haproxy/a"]'],
    ["an element without a value", '[{"Key":"a","ModifyIndex":1}]'],
    ["an index that is no number", '[{"Key":"a","Value":"","ModifyIndex":"1"}]'],
    ["nothing", ""],
    ["null", "null"],
  ])("%s is refused and does not spoil what was known", (_what, text) => {
    const decoder = createDecoder();
    const before = decoder.decode(print(rowsOf(2)));
    expect(() => decoder.decode(Buffer.from(`${text} `))).toThrow(expect.objectContaining({ code: "E_STORE_INVALID" }));
    expect(decoder.decode(print(rowsOf(2)))).toBe(before);
  });

  test("a refusal does not repeat what it read", () => {
    expect.assertions(1);
    try {
      createDecoder().decode(Buffer.from('[{"Value":"c2VjcmV0'));
    } catch (error) {
      expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain("c2VjcmV0");
    }
  });
});

describe("what counts as a change", () => {
  test("a new index alone is none, but the pair carries it", () => {
    const decoder = createDecoder();
    const [a, b] = rowsOf(2) as [Row, Row];
    const before = decoder.decode(print([a, b]));
    const after = decoder.decode(print([a, { ...b, index: 9 }]));
    expect(after.revision).toBe(before.revision);
    expect(after.pairs[1]).toEqual({ key: b.key, value: b.value, index: "9" });
  });

  test.each([
    ["a new value", [{ key: "haproxy/k00000", value: "x", index: 1 }]],
    ["a key that went", []],
    ["a key that came", [...rowsOf(1), { key: "z", value: "", index: 5 }]],
    ["another key with the same value", [{ key: "haproxy/k1", value: "value 0", index: 1 }]],
  ] satisfies [string, Row[]][])("%s is one", (_what, rows) => {
    const decoder = createDecoder();
    const before = decoder.decode(print(rowsOf(1)));
    expect(decoder.decode(print(rows)).revision).not.toBe(before.revision);
  });

  test("the same index with another value, as after a restore, is one", () => {
    const decoder = createDecoder();
    decoder.decode(print([{ key: "k", value: "old", index: 7 }]));
    expect(decoder.decode(print([{ key: "k", value: "new", index: 7 }])).pairs[0]?.value).toBe("new");
  });
});

describe.each([
  { form: "compact", indent: 0 },
  { form: "indented", indent: 4 },
])("parsing only what changed of an answer that is $form", ({ indent }) => {
  test("one changed value in a thousand is a window of one element", () => {
    const rows = rowsOf(1_000);
    const next = rows.map((row, i) => (i === 500 ? { ...row, value: "another", index: 5_000 } : row));
    const [a, b] = [print(rows, indent), print(next, indent)];
    const window = changedWindow(a, b);
    expect(window).toBeDefined();
    const { start, previousEnd, nextEnd } = window as { start: number; previousEnd: number; nextEnd: number };
    expect(JSON.parse(a.toString("utf8", start, previousEnd))).toMatchObject({ Key: "haproxy/k00500" });
    expect(JSON.parse(b.toString("utf8", start, nextEnd))).toMatchObject({ Key: "haproxy/k00500", ModifyIndex: 5_000 });
  });

  test("a key that says it is a seam between elements does not mislead it", () => {
    const trap = { key: 'haproxy/k00500},{"LockIndex":0,"Key":"', value: "trap", index: 9 };
    const rows = rowsOf(1_000).flatMap((row, i) => (i === 500 ? [row, trap] : [row]));
    const next = rows.map((row) => (row.key === trap.key ? { ...row, value: "changed", index: 10 } : row));
    const decoder = createDecoder();
    decoder.decode(print(rows, indent));
    expect(decoder.decode(print(next, indent)).pairs).toEqual(expectedPairs(next));
  });

  const word = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.constantFrom('},{"LockIndex":', '[{"LockIndex":0', "}]", '"', "\\", "ü", "𝄞", "<&>", "\u2028", ""),
  );
  const edit = fc.record({
    at: fc.nat(),
    kind: fc.constantFrom("value", "index", "insert", "marker", "delete", "nothing", "run"),
    word,
    index: fc.integer({ min: 1, max: 1e12 }),
  });

  test("any series of edits reads as if each answer were read alone, and what did not change stays the same object", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 150, max: 400 }),
        fc.array(edit, { minLength: 1, maxLength: 12 }),
        (count, edits) => {
          let rows = rowsOf(count);
          const decoder = createDecoder();
          let before = decoder.decode(print(rows, indent)).pairs;
          for (const step of edits) {
            rows = apply(rows, step);
            const { pairs } = decoder.decode(print(rows, indent));
            expect(pairs).toEqual(expectedPairs(rows));
            const known = new Map(before.map((pair) => [pair.key, pair]));
            for (const pair of pairs) {
              const old = known.get(pair.key);
              if (old?.index === pair.index && old.value === pair.value) expect(pair).toBe(old);
            }
            before = pairs;
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  test("any damage to an answer is either harmless or refused, exactly as by a full parse", () => {
    const damage = fc.record({ at: fc.nat(), remove: fc.nat({ max: 300 }), insert: word });
    fc.assert(
      fc.property(damage, ({ at, remove, insert }) => {
        const rows = rowsOf(250);
        const intact = print(rows, indent);
        const from = at % intact.length;
        const damaged = Buffer.concat([intact.subarray(0, from), Buffer.from(insert), intact.subarray(from + remove)]);
        const decoder = createDecoder();
        decoder.decode(intact);
        expect(outcome(() => decoder.decode(damaged).pairs)).toEqual(
          outcome(() => createDecoder().decode(damaged).pairs),
        );
      }),
      { numRuns: 500 },
    );
  });
});

function apply(rows: readonly Row[], step: { at: number; kind: string; word: string; index: number }): Row[] {
  const at = step.at % Math.max(1, rows.length);
  const row = rows[at];
  if (row === undefined) return [...rows];
  const added = {
    key: `${row.key}${step.word}${step.kind === "marker" ? "/" : "+"}`,
    value: step.word,
    index: step.index,
  };
  const edits: Record<string, () => Row[]> = {
    value: () => rows.with(at, { ...row, value: step.word, index: step.index }),
    index: () => rows.with(at, { ...row, index: step.index }),
    insert: () => [...rows, added],
    marker: () => [...rows, added],
    delete: () => rows.toSpliced(at, 1),
    run: () => rows.map((each, i) => (i >= at && i < at + 5 ? { ...each, value: step.word } : each)),
    nothing: () => [...rows],
  };
  const edited = (edits[step.kind] as () => Row[])();
  const unique = [...new Map(edited.map((each) => [each.key, each])).values()];
  return unique.sort((a, b) => (a.key < b.key ? -1 : 1));
}

function outcome(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    return (error as { code: string }).code;
  }
}
