import type { HelperFunction, HelperOptions } from "./container.ts";
import { isRawText } from "./raw-text.ts";
import type { Scope } from "./scope.ts";
import { templateError, type Where } from "./template-error.ts";

/** One call of a helper: what it was given, and where. */
export interface HelperCall {
  readonly name: string;
  readonly args: readonly unknown[];
  /** Names of the parameters, for messages. */
  readonly params: readonly string[];
  readonly hash: Readonly<Record<string, unknown>>;
  readonly context: unknown;
  readonly where: Where;
  readonly scope: Scope;
}

/** A helper: its parameters as its user reads them, and what it does. */
export interface Helper {
  /** `text separator`, `key [default]`, `[value]...`: what is in brackets may be left out, dots mean any number. */
  readonly params: string;
  readonly run: (call: HelperCall) => unknown;
}

/** Helpers by name. */
export type Helpers = Readonly<Record<string, Helper>>;

/** The form in which compiled templates call a helper. The number of arguments was checked when it was compiled. */
export function callable(name: string, helper: Helper, current: () => Scope): HelperFunction {
  const params = helper.params.split(" ");
  return function (this: unknown, ...all: unknown[]) {
    const { hash, loc } = all[all.length - 1] as HelperOptions;
    const args = all.slice(0, -1);
    return helper.run({ name, args, params, hash, context: this, where: loc, scope: current() });
  } as HelperFunction;
}

/** What is wrong with a call, as an error. */
export function wrong(call: HelperCall, problem: string, cause?: unknown): Error {
  return templateError(call.where, `${call.name}: ${problem}`, cause === undefined ? {} : { cause });
}

/** An argument that must be text; numbers and booleans are written out. */
export function text(call: HelperCall, index: number): string {
  const value = call.args[index];
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean" || isRawText(value)) return `${value}`;
  throw wrong(call, `"${parameter(call, index)}" must be a text, and is ${kindOf(value)}`);
}

/** An argument that must be a whole number, or the text of one. */
export function integer(call: HelperCall, index: number): number {
  const value = call.args[index];
  const number = typeof value === "string" && /^[+-]?\d+$/.test(value) ? Number(value) : value;
  if (Number.isSafeInteger(number)) return number as number;
  throw wrong(call, `"${parameter(call, index)}" must be a whole number, and is ${kindOf(value)}`);
}

/** An argument that must be a list. */
export function list(call: HelperCall, index: number): readonly unknown[] {
  const value = call.args[index];
  if (Array.isArray(value)) return value;
  throw wrong(call, `"${parameter(call, index)}" must be a list, and is ${kindOf(value)}`);
}

/** An argument that must be an object with named fields. */
export function record(call: HelperCall, index: number): Readonly<Record<string, unknown>> {
  const value = call.args[index];
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw wrong(call, `"${parameter(call, index)}" must be an object, and is ${kindOf(value)}`);
}

function parameter({ params }: HelperCall, index: number): string {
  return (params[Math.min(index, params.length - 1)] ?? "").replace(/[[\].]/g, "");
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return "missing";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : JSON.stringify(value);
}
