import { type HelperCall, type Helpers, integer, text, wrong } from "./helper.ts";

/** The longest list that `seq` makes: its bounds may come from the store. */
const LONGEST_SEQ = 100_000;

const TRUE = new Set(["1", "t", "T", "true", "TRUE", "True"]);
const FALSE = new Set(["0", "f", "F", "false", "FALSE", "False"]);

/** Whole numbers, as in confd; a text of digits will do for one. */
export const numberHelpers: Helpers = {
  atoi: { params: "text", run: (call) => integer(call, 0) },
  parseBool: { params: "text", run: parseBool },
  add: { params: "a b", run: (call) => integer(call, 0) + integer(call, 1) },
  sub: { params: "a b", run: (call) => integer(call, 0) - integer(call, 1) },
  mul: { params: "a b", run: (call) => integer(call, 0) * integer(call, 1) },
  div: { params: "a b", run: (call) => Math.trunc(integer(call, 0) / divisor(call)) },
  mod: { params: "a b", run: (call) => integer(call, 0) % divisor(call) },
  seq: { params: "first last", run: seq },
};

function divisor(call: HelperCall): number {
  const number = integer(call, 1);
  if (number === 0) throw wrong(call, "division by zero");
  return number;
}

function seq(call: HelperCall): readonly number[] {
  const [first, last] = [integer(call, 0), integer(call, 1)];
  const length = Math.abs(last - first) + 1;
  if (length > LONGEST_SEQ) throw wrong(call, `this makes more than ${LONGEST_SEQ} numbers`);
  return Array.from({ length }, (_, i) => (first <= last ? first + i : first - i));
}

function parseBool(call: HelperCall): boolean {
  const word = text(call, 0);
  if (TRUE.has(word)) return true;
  if (FALSE.has(word)) return false;
  throw wrong(call, `${JSON.stringify(word)} is neither true nor false`);
}
