import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../../..");
const FILE = readFileSync(join(ROOT, "packaging/container/Containerfile"), "utf8");

/** Each instruction with its words, in order; continued lines are one. */
const INSTRUCTIONS = FILE.replace(/^#.*\n/gm, "")
  .replace(/\\\n/g, " ")
  .split("\n")
  .filter((line) => line.trim() !== "")
  .map((line) => {
    const [name = "", ...words] = line.trim().split(/\s+/);
    return { name, words };
  });

describe("the container file", () => {
  test("has instructions that there are, and begins each stage from one base", () => {
    const known = ["ARG", "CMD", "COPY", "FROM", "LABEL", "RUN", "USER", "WORKDIR"];
    expect([...new Set(INSTRUCTIONS.map(({ name }) => name))].sort()).toEqual(known);
    expect(INSTRUCTIONS[0]).toEqual({ name: "ARG", words: ["NODE_IMAGE=docker.io/library/node:20-bookworm-slim"] });
    const bases = INSTRUCTIONS.filter(({ name }) => name === "FROM").map(({ words }) => words[0]);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a variable of the container file
    expect(new Set(bases)).toEqual(new Set(["${NODE_IMAGE}"]));
  });

  test("copies what is there: files of this project, and folders of stages before", () => {
    const stages = INSTRUCTIONS.filter(({ name }) => name === "FROM").map(({ words }) => words[2]);
    const copies = INSTRUCTIONS.filter(({ name }) => name === "COPY").map(({ words }) => words.slice(0, -1));
    expect(copies.length).toBeGreaterThan(7);
    for (const [first = "", ...others] of copies) {
      if (first.startsWith("--from=")) expect(stages).toContain(first.slice("--from=".length));
      else for (const source of [first, ...others]) expect(existsSync(join(ROOT, source)), source).toBe(true);
    }
  });

  test("copies all that the build reads", () => {
    const build = readFileSync(join(ROOT, "scripts/build.mjs"), "utf8");
    for (const source of ["package.json", "package-lock.json", "tsconfig.json", "scripts/build.mjs"]) {
      expect(FILE).toMatch(new RegExp(`^COPY .*${source}`, "m"));
    }
    for (const [, folder] of build.matchAll(/"(src|checkers)[/"]/g))
      expect(FILE).toContain(`COPY ${folder}/ ${folder}/`);
  });

  test("has a command for each executable of the package", () => {
    const { bin } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { bin: Record<string, string> };
    for (const [name, file] of Object.entries(bin)) {
      expect(FILE).toContain(`ln -s /opt/confd-haproxy/${file} /usr/local/bin/${name}`);
    }
  });

  test("takes nothing in that could hold a secret", () => {
    expect(FILE).not.toMatch(/^(ENV|ARG) .*(PASSWORD|TOKEN|SECRET|KEY)/im);
    expect(INSTRUCTIONS.filter(({ name, words }) => name === "COPY" && words[0] === ".")).toEqual([]);
    expect(readdirSync(join(ROOT, "conf.d")).every((name) => /\.toml(\.example)?$/.test(name))).toBe(true);
  });

  test("ends as a user that is none of the image's", () => {
    const users = INSTRUCTIONS.filter(({ name }) => name === "USER").map(({ words }) => words[0]);
    expect(users).toEqual(["10001:10001"]);
    expect(INSTRUCTIONS.findIndex(({ name }) => name === "USER")).toBeGreaterThan(
      INSTRUCTIONS.findLastIndex(({ name }) => name === "RUN"),
    );
  });
});
