import { describe, expect, test } from "vitest";
import { ask } from "../../../src/check/probe.ts";
import type { Probe } from "../../../src/core/checker.ts";
import { AppError } from "../../../src/core/errors.ts";

const never = new AbortController().signal;

function probe(check: Probe["check"]): Probe {
  return { check, close: async () => {} };
}

function systemError(code: string, message = `connect ${code} 10.0.0.1:11211`): Error {
  return Object.assign(new Error(message), { code });
}

describe("what a probe throws becomes a verdict in words", () => {
  test.each<[unknown, string, string]>([
    [systemError("ECONNREFUSED"), "down", "connection refused"],
    [systemError("ECONNRESET"), "down", "connection reset"],
    [systemError("EPIPE"), "down", "connection closed"],
    [systemError("EHOSTUNREACH"), "down", "no route to host"],
    [systemError("ENOTFOUND"), "down", "host name not found"],
    [new Error("query failed", { cause: systemError("ETIMEDOUT") }), "down", "connection timed out"],
    [new TypeError("fetch failed", { cause: systemError("ECONNREFUSED") }), "down", "connection refused"],
    [new AggregateError([systemError("ECONNREFUSED"), systemError("ENETUNREACH")], ""), "down", "connection refused"],
    [new Error("Access denied\nfor you"), "down", "Access denied for you"],
    ["a string", "down", "a string"],
    [systemError("EMFILE"), "unknown", "too many open files here"],
    [systemError("EAI_AGAIN"), "unknown", "no name server answers"],
    [new TypeError("x is not a function"), "unknown", "internal error: x is not a function"],
    [new AppError("E_INTERNAL", "cannot happen"), "unknown", "internal error: cannot happen"],
  ])("%o is %s: %s", async (error, state, reason) => {
    expect(
      await ask(
        probe(() => Promise.reject(error)),
        1_000,
        never,
      ),
    ).toEqual({ state, reason });
  });

  test("a throw before the first await is one too", async () => {
    const thrower = probe(() => {
      throw systemError("ECONNREFUSED");
    });
    expect(await ask(thrower, 1_000, never)).toEqual({ state: "down", reason: "connection refused" });
  });

  test("no answer at all is down when the deadline has passed, also when the probe does not listen", async () => {
    const deaf = probe(() => new Promise(() => {}));
    expect(await ask(deaf, 20, never)).toEqual({ state: "down", reason: "no answer within 20 ms" });
  });

  test("the reason is one short line", async () => {
    const { reason } = await ask(
      probe(() => Promise.reject(new Error(`é\t${"x".repeat(1_000)}`))),
      1_000,
      never,
    );
    expect(reason).toMatch(/^[\x20-\x7e]{1,160}$/);
  });

  test("being told to stop is no verdict", async () => {
    const controller = new AbortController();
    const reason = new Error("stop");
    const asked = ask(
      probe(() => new Promise(() => {})),
      10_000,
      controller.signal,
    );
    controller.abort(reason);
    await expect(asked).rejects.toBe(reason);
  });

  test("an answer is passed on as it is", async () => {
    const verdict = { state: "up", reason: "fine", weightPercent: 50 } as const;
    expect(
      await ask(
        probe(async () => verdict),
        1_000,
        never,
      ),
    ).toBe(verdict);
  });
});
