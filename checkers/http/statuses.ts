import { AppError } from "../../src/core/errors.ts";

/** Whether a status code is among those that were listed. */
export type Statuses = (code: number) => boolean;

/** Reads `200-299,418`; an empty text lists none. Throws E_USAGE. */
export function parseStatuses(text: string, what: string): Statuses {
  const ranges = text.split(",").flatMap((word) => (word.trim() === "" ? [] : [parseRange(word.trim(), what)]));
  return (code) => ranges.some(([first, last]) => code >= first && code <= last);
}

function parseRange(word: string, what: string): readonly [number, number] {
  const [, first, last = first] = /^(\d{3})(?:-(\d{3}))?$/.exec(word) ?? [];
  const range = [Number(first), Number(last)] as const;
  if (range[0] <= range[1]) return range;
  throw new AppError("E_USAGE", `${what}: "${word}" is no status code`, { hint: "write for example 200-299,304" });
}
