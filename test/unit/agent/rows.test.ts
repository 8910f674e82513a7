import { describe, expect, test } from "vitest";
import { createRow, type Place, type Row } from "../../../src/agent/rows.ts";

interface Person extends Place<Person> {
  readonly name: string;
}

function person(name: string): Person {
  return { name, row: undefined, before: undefined, after: undefined };
}

function namesIn(row: Row<Person>): readonly string[] {
  const names: string[] = [];
  for (let who = row.first; who !== undefined; who = who.after) names.push(who.name);
  return names;
}

describe("a row", () => {
  test("has nobody in it at first", () => {
    const row = createRow<Person>();
    expect([row.size, row.first]).toEqual([0, undefined]);
  });

  test.each([
    ["a", ["b", "c"]],
    ["b", ["a", "c"]],
    ["c", ["a", "b"]],
  ])(
    "that %s has left has the others in the order in which they came, and takes new ones behind them",
    (name, rest) => {
      const row = createRow<Person>();
      const people = new Map(["a", "b", "c"].map((one) => [one, person(one)]));
      for (const who of people.values()) row.join(who);
      const leaver = people.get(name) as Person;
      row.leave(leaver);
      expect([row.size, namesIn(row)]).toEqual([2, rest]);
      expect(leaver).toEqual(person(name));
      row.join(leaver);
      expect([row.size, namesIn(row)]).toEqual([3, [...rest, name]]);
    },
  );

  test("is empty when all have left, and can be filled again", () => {
    const row = createRow<Person>();
    const [first, second] = [person("first"), person("second")];
    row.join(first);
    row.leave(first);
    expect([row.size, row.first]).toEqual([0, undefined]);
    row.join(second);
    expect([row.size, namesIn(row)]).toEqual([1, ["second"]]);
  });

  test("is left as it is by who stands in another one, or nowhere", () => {
    const [row, other] = [createRow<Person>(), createRow<Person>()];
    const [here, there] = [person("here"), person("there")];
    row.join(here);
    other.join(there);
    row.leave(there);
    row.leave(person("nowhere"));
    expect([namesIn(row), namesIn(other), row.size, other.size]).toEqual([["here"], ["there"], 1, 1]);
    expect([here.row, there.row]).toEqual([row, other]);
  });
});
