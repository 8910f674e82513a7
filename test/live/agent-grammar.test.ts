import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { agentEffects } from "../../src/core/agent-effects.ts";
import { parseReply } from "../../src/core/agent-grammar.ts";
import { type AgentSetup, answerAll, type Effect, startAgentServers } from "../support/agent-servers.ts";
import { someSeed, withSeed } from "../support/random.ts";

const PLAIN = { status: "UP", weight: "100", maxconn: "50" };
const NO_CHANGE = { ...PLAIN, agent: "CHECKED", said: "" };
const UP = { ...PLAIN, agent: "L7OK", said: "via agent : up" };
const DOWN = { ...PLAIN, status: "DOWN (agent)", agent: "L7STS", said: "via agent : down" };

const ABSOLUTE = "Absolute weight can only be between 0 and 256 inclusive.";

const FRESH: State = { isUp: true, admin: "ready", weight: 100, maxconn: 50, agent: "INI", said: "" };
const CHECKED: Setup = { settings: "check inter 300ms rise 1 fall 1 weight 100 maxconn 50", weight: 100, up: "UP" };

const SETUPS = {
  "with a health check": CHECKED,
  "without a health check, of weight 1": { settings: "weight 1 maxconn 50", weight: 1, up: "no check" },
  "of weight 256, with a minconn": { settings: "weight 256 minconn 5 maxconn 50", weight: 256, up: "no check" },
  "with a static balance": { settings: "weight 7 maxconn 50", weight: 7, balance: "static-rr", up: "no check" },
} satisfies Readonly<Record<string, Setup>>;

const SERVERS = 250;

/** What a server has heard before. */
const BEFORE = [
  "up\n",
  "down #x\n",
  "drain\n",
  "maint\n",
  "50%\n",
  "0% up\n",
  "maint down\n",
  "drain down\n",
  "maxconn:7\n",
];

const WORDS = [
  "up",
  "down",
  "stopped",
  "fail",
  "ready",
  "drain",
  "maint",
  "50%",
  "0%",
  "100%",
  "300%",
  "7%",
  "maxconn:9",
];
const NEARLY = [
  "failed",
  "12.5%",
  "-5%",
  "50",
  "5%5%",
  "300x%",
  "weight:50",
  "maxconn:",
  "maxconn:-1",
  "maxconn:x",
  "maxconn:1x",
  "maxconn:+3",
  "maxconn:\v4",
  "%",
  "1%up",
];

/** Every byte below 127 but those that end a line. */
const INK = Array.from({ length: 126 }, (_, at) => String.fromCharCode(at + 1)).filter(
  (char) => !"\n\r".includes(char),
);

const anyWord = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...WORDS) },
  { weight: 2, arbitrary: fc.constantFrom(...WORDS).chain((word) => fc.mixedCase(fc.constant(word))) },
  { weight: 2, arbitrary: fc.constantFrom(...NEARLY) },
  { weight: 1, arbitrary: fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map((number) => `maxconn:${number}`) },
  { weight: 1, arbitrary: fc.nat({ max: 40_000 }).map((number) => `${number}%`) },
  { weight: 1, arbitrary: fc.string({ unit: fc.constantFrom(...INK), minLength: 1, maxLength: 12 }) },
);
const anySeparator = fc.constantFrom(" ", ",", "\t", "  ", ", ", " #", "#");
/** Never without an end: see the last test. */
const anyEnd = fc.constantFrom("\n", "\n", "\r\n", "\r", "\nup\n", "\r\ndown", "\0\n");
const anyAnswer = fc
  .tuple(fc.array(fc.tuple(fc.oneof(anySeparator, fc.constant(" ")), anyWord), { maxLength: 6 }), anyEnd)
  .map(([words, end]) => `${words.map(([separator, word]) => `${separator}${word}`).join("")}${end}`);

/** Answer, and what it makes of a server that is up, has the weight 100 and takes 50 connections. */
const TABLE: readonly (readonly [string, Effect])[] = [
  ["up\n", UP],
  ["UP\n", { ...UP, said: "via agent : UP" }],
  ["down\n", DOWN],
  ["stopped #x\r\n", { ...DOWN, said: "via agent : stopped (x)" }],
  ['down # why, "and" so\n', { ...DOWN, said: 'via agent : down (why, "and" so)' }],
  ["fail\n", { ...DOWN, said: "via agent : fail" }],
  ["failed\n", { ...NO_CHANGE, said: "agent reports an error : failed" }],
  ["fail#why\n", { ...NO_CHANGE, said: "agent reports an error : fail#why" }],
  ["\n", NO_CHANGE],
  ["#nothing but a reason\n", NO_CHANGE],
  ["50%\n", { ...NO_CHANGE, weight: "50" }],
  ["50%up\n", { ...NO_CHANGE, said: "agent warns : Trailing garbage in weight string" }],
  ["12.5% up\n", { ...UP, said: "via agent : up (Trailing garbage in weight string)" }],
  ["50 % up\n", { ...UP, said: "via agent : up (50)" }],
  ["-5% up\n", { ...UP, said: "via agent : up (-5%)" }],
  ["150% up\n", { ...UP, weight: "150" }],
  ["300% up\n", { ...UP, weight: "256" }],
  ["99999999999999999999% up\n", { ...UP, weight: "256" }],
  ["300.5% up\n", { ...UP, said: `via agent : up (${ABSOLUTE})` }],
  ["50% 1x% up\n", { ...UP, said: "via agent : up (Trailing garbage in weight string)" }],
  ["0% up\n", { ...UP, weight: "0" }],
  ["weight:50 up\n", { ...UP, said: "via agent : up (weight:50)" }],
  ["up\n50%\n", UP],
  ["up\rdown\n", UP],
  ["maxconn:10 up\n", { ...UP, maxconn: "10" }],
  ["MaxConn:0 up\n", { ...UP, maxconn: "" }],
  ["maxconn:-5 up\n", { ...UP, maxconn: "4294967291" }],
  ["maxconn:-99999999999999999999 up\n", { ...UP, maxconn: "" }],
  ["maxconn:99999999999999999999 up\n", { ...UP, maxconn: "4294967295" }],
  ["maxconn:4294967296 up\n", { ...UP, maxconn: "" }],
  ["maxconn: 10 up\n", { ...UP, said: "via agent : up (10)" }],
  ["maxconn: up\n", { ...UP, said: "via agent : up (Require <maxconn>.)" }],
  ["maxconn:ten up\n", { ...UP, said: "via agent : up (maxconn string empty or preceded by garbage)" }],
  ["maxconn:9 maxconn:10x\n", { ...NO_CHANGE, said: "agent warns : Trailing garbage in maxconn string" }],
  ["drain\n", { ...NO_CHANGE, status: "DRAIN (agent)" }],
  ["drain up\n", { ...UP, status: "DRAIN (agent)" }],
  ["maint\n", { ...NO_CHANGE, status: "MAINT" }],
  ["maint down # by hand\n", { ...DOWN, status: "MAINT", said: "via agent : down (by hand)" }],
  ["drain maint ready up\n", UP],
  ["up down\n", DOWN],
  ["down,up\n", UP],
  ["\t up ,\t75%\n", { ...UP, weight: "75" }],
  ["foo up #fine\n", { ...UP, said: "via agent : up (foo)" }],
  ["up #fine\n", { ...UP, said: "via agent : up (fine)" }],
  ["foo down #why\n", { ...DOWN, said: "via agent : down (why)" }],
  ["foo down\n", { ...DOWN, said: "via agent : down (foo)" }],
  ["12.5% maxconn:x foo up\n", { ...UP, said: "via agent : up (foo)" }],
  [`down #${"a".repeat(200)}\n`, { ...DOWN, said: `via agent : down (${"a".repeat(109)}` }],
];

/** Two answers, one after the other, and what they make of a server whose own health check is well. */
const HEARD_BEFORE = [
  ["down\n", "50%\n", "DOWN (agent)"],
  ["down\n", "\n", "DOWN (agent)"],
  ["down\n", "ready\n", "DOWN (agent)"],
  ["down\n", "ready up\n", "UP"],
  ["down\n", "drain\n", "DOWN (agent)"],
  ["down\n", "drain up\n", "DRAIN (agent)"],
  ["drain\n", "up\n", "DRAIN (agent)"],
  ["drain\n", "ready\n", "UP"],
  ["drain\n", "maint\n", "MAINT"],
  ["maint\n", "up\n", "MAINT"],
  ["maint\n", "drain\n", "DRAIN (agent)"],
  ["maint down\n", "ready\n", "DOWN (agent)"],
  ["0% up\n", "up\n", "UP"],
] as const;

describe("an answer", () => {
  test("has the effect that the table says, and that we foretell", async () => {
    const answers = TABLE.map(([bytes]) => bytes);
    const servers = await startAgentServers(namesFor(answers), CHECKED);
    const seen = await answerAll(servers, answers);
    expect(answers.map((bytes, at) => [bytes, seen[at]])).toEqual(TABLE);
    expect(answers.map((bytes) => [bytes, effectOf(foretell(FRESH, bytes, CHECKED), CHECKED)])).toEqual(TABLE);
  });

  test.each(Object.entries(SETUPS))("made of anything has the effect that we foretell: %s", async (_, setup) => {
    await withSeed(someSeed(), async ({ seed }) => {
      const rounds = [
        fc.sample(fc.constantFrom(...BEFORE), { numRuns: SERVERS, seed }),
        fc.sample(anyAnswer, { numRuns: SERVERS, seed }),
        fc.sample(anyAnswer, { numRuns: SERVERS, seed: seed + 1 }),
      ];
      const servers = await startAgentServers(namesFor(rounds[0] ?? []), setup);
      let states: readonly State[] = servers.names.map(() => ({ ...FRESH, weight: setup.weight }));
      for (const answers of rounds) {
        const next = states.map((state, at) => foretell(state, answers[at] ?? "", setup));
        const seen = await answerAll(servers, answers);
        expect(answers.map((bytes, at) => [states[at], bytes, seen[at]])).toEqual(
          answers.map((bytes, at) => [states[at], bytes, foretold(next[at], seen[at], setup)]),
        );
        states = next;
      }
    });
  });

  test("has the effect that the table says after another one", async () => {
    const befores = HEARD_BEFORE.map(([before]) => before);
    const answers = HEARD_BEFORE.map(([, answer]) => answer);
    const servers = await startAgentServers(namesFor(answers), CHECKED);
    await answerAll(servers, befores);
    const seen = await answerAll(servers, answers);
    expect(answers.map((answer, at) => [befores[at], answer, seen[at]?.status])).toEqual(HEARD_BEFORE);
  });

  test("is read to its first byte 0, and is ignored then", async () => {
    const servers = await startAgentServers(["s"], CHECKED);
    await answerAll(servers, ["75% up\n"]);
    const said = "Ignoring incomplete line from agent";
    expect(await answerAll(servers, ["down\0\n"])).toEqual([{ ...UP, weight: "75", said }]);
  });
});

function namesFor(answers: readonly string[]): readonly string[] {
  return answers.map((_, at) => `s${at}`);
}

/** What an agent has made of a server so far. */
interface State {
  readonly isUp: boolean;
  readonly admin: "drain" | "maint" | "ready";
  readonly weight: number;
  readonly maxconn: number;
  readonly agent: string;
  readonly said: string;
}

/** How the servers of a test are set up, and what they are called while they are up. */
interface Setup extends AgentSetup {
  readonly weight: number;
  readonly up: "UP" | "no check";
}

/** What we foretell of a server's next state, from what we read in the answer. */
function foretell(state: State, bytes: string, { weight, balance }: Setup): State {
  const { shown } = agentEffects(bytes, "closed");
  const next = { ...state, agent: shown.status ?? state.agent, said: shown.text ?? "" };
  if (shown.status === undefined || bytes === "") return next;
  const reply = parseReply(bytes);
  const wanted = Math.min(256, Math.trunc((weight * (reply.weightPercent ?? 0)) / 100));
  const isStatic = balance !== undefined && wanted !== 0 && wanted !== weight;
  return {
    ...next,
    isUp: reply.health === undefined ? state.isUp : reply.health === "up",
    admin: reply.admin ?? state.admin,
    weight: reply.weightPercent === undefined || isStatic ? state.weight : wanted,
    maxconn: reply.maxconn ?? state.maxconn,
    said: reply.weightPercent !== undefined && isStatic ? NOT_TOLD : next.said,
  };
}

/** HAProxy's objection to a weight may depend on the backend: it is not in what we say of the line alone. */
const NOT_TOLD = "(not told)";

function foretold(state: State | undefined, seen: Effect | undefined, setup: Setup): Effect | undefined {
  if (state === undefined) return undefined;
  const effect = effectOf(state, setup);
  return effect.said === NOT_TOLD ? { ...effect, said: seen?.said ?? "" } : effect;
}

function effectOf({ isUp, admin, weight, maxconn, agent, said }: State, { up }: Setup): Effect {
  const whileUp = admin === "drain" ? "DRAIN (agent)" : up;
  return {
    status: admin === "maint" ? "MAINT" : isUp ? whileUp : "DOWN (agent)",
    weight: `${weight}`,
    maxconn: maxconn === 0 ? "" : `${maxconn}`,
    agent,
    said,
  };
}
