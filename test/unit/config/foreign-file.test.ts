import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readForeignFile } from "../../../src/config/foreign-file.ts";
import type { ForeignFile } from "../../../src/core/checker.ts";
import { folderWith } from "../../support/program.ts";

const FOREIGN: ForeignFile = {
  option: "config",
  skip: "skip-config",
  async read(text) {
    if (text !== "port: 5555\n") throw new Error('there is no key "prot"; did you mean port?');
    return { "agent-port": 5555 };
  },
};

describe("the configuration file of a replaced program", () => {
  const folder = folderWith({ "agent.yaml": "port: 5555\n", "bad.yaml": "prot: 5555\n" });
  const path = join(folder, "agent.yaml");

  test("is read when it is named", async () => {
    expect(await readForeignFile(FOREIGN, { config: path })).toEqual({ name: path, values: { "agent-port": 5555 } });
  });

  test("is not read when it is not named, or not wanted", async () => {
    expect(await readForeignFile(FOREIGN, {})).toBeUndefined();
    expect(await readForeignFile(FOREIGN, { config: path, "skip-config": true })).toBeUndefined();
  });

  test("in its usual place is read if it is there", async () => {
    expect(await readForeignFile({ ...FOREIGN, defaultPath: path }, {})).toMatchObject({ name: path });
    expect(await readForeignFile({ ...FOREIGN, defaultPath: `${path}.not` }, {})).toBeUndefined();
  });

  test("that is wrong, or not there, is an error that names it", async () => {
    const bad = join(folder, "bad.yaml");
    await expect(readForeignFile(FOREIGN, { config: bad })).rejects.toMatchObject({
      code: "E_CONFIG",
      message: `${bad}: there is no key "prot"; did you mean port?`,
    });
    await expect(readForeignFile(FOREIGN, { config: `${path}.not` })).rejects.toMatchObject({
      code: "E_CONFIG",
      message: `cannot read ${path}.not`,
    });
  });
});
