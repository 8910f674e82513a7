import { describe, expect, test } from "vitest";
import { checkers } from "../../checkers/registry.ts";
import { runProgram } from "../support/program.ts";

const ACTIONS = ["ask", "maint", "drain", "ready", "recover", "list"];

const COMMANDS: readonly (readonly string[])[] = [
  ...Object.keys(checkers).map((kind) => ["checkers", kind]),
  ["checkers", "--config"],
  ["render"],
  ["kv"],
  ...ACTIONS.map((action) => ["agent", action]),
];

const printed = new Map<string, Promise<string>>();

/** Asked for once, as it never changes. */
function helpOf(words: readonly string[]): Promise<string> {
  const help = printed.get(words.join(" ")) ?? print(words);
  printed.set(words.join(" "), help);
  return help;
}

async function print(words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram("confd-haproxy", [...words, "--help"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

/** The options and what is said of each, the first line of it where it takes several. */
function optionsIn(help: string): readonly (readonly [string, string])[] {
  return [...help.matchAll(/^ {2}((?:-\w, )?--\S+(?: <[^>]+>)?) {2,}(.*)$/gm)].map(([, option = "", text = ""]) => [
    option,
    text,
  ]);
}

describe.each(COMMANDS.map((words) => [words.join(" "), words] as const))("the help of %s", (_, words) => {
  test("says of what can be switched off what is not done then", async () => {
    for (const [option, text] of optionsIn(await helpOf(words))) {
      if (option.startsWith("--no-")) expect(`${option} ${text}`).toMatch(/^--no-\S+ do not check /);
    }
  });

  test("has a text for each option", async () => {
    const options = optionsIn(await helpOf(words));
    expect(options.length).toBeGreaterThan(1);
    for (const [option, text] of options) expect(`${option} ${text}`).toMatch(/^-\S.* \w.*[^.]$|\.\.\.$/);
  });

  test("ends its options with those of the log and of help", async () => {
    const headings = [...(await helpOf(words)).matchAll(/^(\S.*):$\n {2}(?:-\w, )?--/gm)].map(([, heading]) => heading);
    expect(headings.at(-1)).toBe("Logging and help");
    expect(new Set(headings).size).toBe(headings.length);
  });
});

test("what must be given is marked in the help", async () => {
  const options = optionsIn(await helpOf(["checkers", "memcached"]));
  const required = options.filter(([, text]) => text.endsWith("(required)")).map(([option]) => option);
  expect(required).toEqual(["--server <h:p,h:p>", "--tag <NAME>"]);
});
