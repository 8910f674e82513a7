import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { diffConfigs } from "../../../src/haproxy/differ.ts";
import type { HaproxyFacts, RuntimeStep } from "../../../src/haproxy/difference.ts";
import { serversOf } from "../../../src/haproxy/servers.ts";

const V26: HaproxyFacts = { version: [2, 6] };

/** A server as a test thinks of it; the file and the running HAProxy are both made from it. */
interface Server {
  readonly host: number;
  readonly port: number;
  readonly weight: number | undefined;
  readonly maxconn: number | undefined;
  readonly isDisabled: boolean;
}

/** Section to server to what is said of it. */
type Model = Readonly<Record<string, Readonly<Record<string, Server>>>>;

const small = (most: number) => fc.integer({ min: 1, max: most });
const server: fc.Arbitrary<Server> = fc.record({
  host: small(4),
  port: small(4),
  weight: fc.option(fc.integer({ min: 0, max: 256 }), { nil: undefined }),
  maxconn: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
  isDisabled: fc.boolean(),
});
const names = ["a", "b", "c", "d"];
const servers = fc.dictionary(fc.constantFrom(...names), server, { maxKeys: 4, noNullPrototype: true });
const model: fc.Arbitrary<Model> = fc.record({ l1: servers, l2: servers, l3: servers });

function lineOf(name: string, one: Server): string {
  const words = ["server", name, `10.0.0.${one.host}:${one.port}`, "check"];
  if (one.weight !== undefined) words.push("weight", `${one.weight}`);
  if (one.maxconn !== undefined) words.push("maxconn", `${one.maxconn}`);
  if (one.isDisabled) words.push("disabled");
  return `    ${words.join(" ")}\n`;
}

function fileOf(sections: Model): string {
  const head =
    "global\n    maxconn 100\ndefaults\n    mode tcp\n    balance leastconn\n    default-server weight 9 inter 1s\n";
  return Object.entries(sections).reduce((text, [name, all]) => {
    const lines = Object.entries(all).map(([one, said]) => lineOf(one, said));
    return `${text}listen ${name}\n    bind :80\n${lines.join("")}`;
  }, head);
}

/** What `show servers state` and `show stat` would say. */
type States = Map<string, { address: string; weight: number; maxconn: number; isMaint: boolean; isChecked: boolean }>;

function statesOf(sections: Model): States {
  const all = Object.entries(sections).flatMap(([section, some]) =>
    Object.entries(some).map(([name, said]) => [`${section}/${name}`, said] as const),
  );
  return new Map(
    all.map(([path, said]) => {
      const { host, port, weight = 9, maxconn = 0, isDisabled } = said;
      return [path, { address: `10.0.0.${host} ${port}`, weight, maxconn, isMaint: isDisabled, isChecked: true }];
    }),
  );
}

/** A little HAProxy: obeys one command, and refuses what a real one would refuse. */
function obey(states: States, command: string): void {
  const added = /^add server (\S+) (\S+):(\d+) (.*)$/.exec(command);
  if (added !== null) {
    const [, path = "", ip, port, keywords = ""] = added;
    expect(states.has(path)).toBe(false);
    const number = (keyword: string) => new RegExp(`\\b${keyword} (\\d+)`).exec(keywords)?.[1];
    const [weight, maxconn] = [Number(number("weight") ?? 1), Number(number("maxconn") ?? 0)];
    states.set(path, { address: `${ip} ${port}`, weight, maxconn, isMaint: true, isChecked: false });
    return;
  }
  const path = /\S+\/\S+/.exec(command)?.[0] ?? "";
  const state = states.get(path);
  if (state === undefined) throw new Error(`No such server: ${command}`);
  const rest = command.replace(path, "%");
  const set = /^set server % (addr|weight|state) (\S+)(?: port (\d+))?$/.exec(rest);
  if (set?.[1] === "addr") state.address = `${set[2]} ${set[3]}`;
  else if (set?.[1] === "weight") state.weight = Number(set[2]);
  else if (set?.[1] === "state") state.isMaint = set[2] === "maint";
  else if (/^set maxconn server % \d+$/.test(rest)) state.maxconn = Number(rest.slice(21));
  else if (rest === "enable health %") state.isChecked = true;
  else if (rest === "disable health %") state.isChecked = false;
  else if (rest === "del server %" && state.isMaint) states.delete(path);
  else throw new Error(`Unknown command: ${command}`);
}

function sorted(states: States): unknown[] {
  return [...states].sort(([one], [other]) => (one < other ? -1 : 1));
}

/** The same file with other blanks, quotes and comments. */
function disguised(text: string, seeds: readonly number[]): string {
  let at = 0;
  const next = (most: number) => (seeds[at++ % seeds.length] ?? 0) % most;
  const word = (plain: string) =>
    [
      plain,
      `"${plain}"`,
      `'${plain}'`,
      `${plain.slice(0, 1)}"${plain.slice(1)}"`,
      `\\x${plain.charCodeAt(0).toString(16)}${plain.slice(1)}`,
    ][next(5)] ?? plain;
  const line = (plain: string) => {
    const blank = [" ", "   ", "\t"][next(3)] ?? " ";
    const words = plain.trim().split(" ").map(word).join(blank);
    return `${["", "# listen x\n", "\n", " \t\n"][next(4)]}${["", "\t", "  "][next(3)]}${words}${["", " # x", " ", "#'", "\r"][next(5)]}\n`;
  };
  return text.split("\n").slice(0, -1).map(line).join("");
}

const seeds = fc.array(fc.nat(), { minLength: 20, maxLength: 60 });
const garbage = fc.string({
  unit: fc.constantFrom(
    ..."abc:./\"'\\#$ \t\r\n{}[]\0-1é".split(""),
    "\nlisten ",
    "\nbackend x\n",
    "\n server a ",
    "\ndefaults",
    ".if 1\n",
    "\n.endif\n",
    "10.0.0.1:80",
    " weight ",
    "$A",
  ),
  maxLength: 40,
});

describe("for any configuration", () => {
  test("the same words in other blanks, quotes and comments are no difference", () => {
    fc.assert(
      fc.property(model, seeds, (sections, some) => {
        const text = fileOf(sections);
        expect(diffConfigs(text, disguised(text, some), V26)).toEqual({ how: "nothing" });
        expect(diffConfigs(disguised(text, some), text, V26)).toEqual({ how: "nothing" });
      }),
      { numRuns: 300 },
    );
  });

  test("the steps bring an HAProxy that runs the old file to what the new file says", () => {
    fc.assert(
      fc.property(model, model, seeds, (before, after, some) => {
        const difference = diffConfigs(fileOf(before), disguised(fileOf(after), some), V26);
        const states = statesOf(before);
        if (difference.how === "reload") throw new Error(difference.because.join("; "));
        const steps: readonly RuntimeStep[] = difference.how === "runtime" ? difference.steps : [];
        for (const { command } of steps) obey(states, command);
        expect(sorted(states)).toEqual(sorted(statesOf(after)));
      }),
      { numRuns: 500 },
    );
  });

  test("what is undone in the order backwards is as it was, as long as nothing was deleted", () => {
    fc.assert(
      fc.property(model, model, (before, after) => {
        const difference = diffConfigs(fileOf(before), fileOf(after), V26);
        const steps =
          difference.how === "runtime" ? difference.steps.filter(({ waitsForSessions }) => !waitsForSessions) : [];
        const states = statesOf(before);
        for (const { command } of steps) obey(states, command);
        for (const { undo } of steps.toReversed()) if (undo !== undefined) obey(states, undo);
        expect(sorted(states)).toEqual(sorted(statesOf(before)));
      }),
      { numRuns: 300 },
    );
  });

  test("a word that changes outside server lines needs a reload", () => {
    fc.assert(
      fc.property(
        model,
        model,
        fc.nat(),
        fc.constantFrom("zzz", "server", "", '"$A"'),
        (before, after, which, word) => {
          const text = fileOf(after);
          const lines = text.split("\n");
          const others = lines.flatMap((line, at) => (line.trim().startsWith("server ") || line === "" ? [] : [at]));
          const at = others[which % others.length] ?? 0;
          const line = lines[at] ?? "";
          const changed = word === "" ? line.replace(/\S+$/, "") : `${line} ${word}`;
          const edited = [...lines.slice(0, at), changed, ...lines.slice(at + 1)].join("\n");
          const from = fileOf(before);
          const first = diffConfigs(from, edited, V26);
          expect([line, first.how]).toEqual([line, "reload"]);
          expect(diffConfigs(edited, from, V26).how).toBe("reload");
        },
      ),
      { numRuns: 300 },
    );
  });

  test("what is no configuration at all is compared without a throw, and with itself is the same", () => {
    fc.assert(
      fc.property(garbage, garbage, fc.nat(40), (one, other, cut) => {
        const mixed = one.slice(0, cut) + other;
        for (const text of [one, other, mixed]) {
          serversOf(text);
          expect(diffConfigs(text, text, V26)).toEqual({ how: "nothing" });
          const same = diffConfigs(text, `${text.slice(0)}# a comment\n`, V26);
          expect(["nothing", "reload"]).toContain(same.how);
        }
        expect(diffConfigs(one, mixed, V26).how).toMatch(/nothing|runtime|reload/);
      }),
      { numRuns: 2_000 },
    );
  });

  test("a file that is read the same way both ways is told the same way both ways", () => {
    fc.assert(
      fc.property(garbage, garbage, (one, other) => {
        const [there, back] = [diffConfigs(one, other, V26).how, diffConfigs(other, one, V26).how];
        expect(there === "nothing").toBe(back === "nothing");
      }),
      { numRuns: 2_000 },
    );
  });

  test("one server that moves is found among a thousand sections", () => {
    const lines = (moved: number) =>
      Array.from(
        { length: 1_000 },
        (_, i) => `listen l${i}\n    bind :1\n    server a 10.0.0.${i === moved ? 2 : 1}:80 check\n`,
      );
    const text = (moved: number) => `defaults\n    mode tcp\n${lines(moved).join("")}`;
    expect(diffConfigs(text(-1), text(700), V26)).toMatchObject({
      how: "runtime",
      steps: [{ command: "set server l700/a addr 10.0.0.2 port 80" }],
    });
  });
});
