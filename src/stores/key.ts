import { AppError } from "../core/errors.ts";

/** Longest key we accept, bytes of UTF-8: Consul sets no limit of its own, a path has one of 4096. */
const MAX_KEY_BYTES = 1_024;

/**
 * Throws E_USAGE unless `key` can name one value in every store: no leading or trailing slash, no empty,
 * `.` or `..` segment (Consul's HTTP server rewrites such paths before it looks at them), no NUL.
 */
export function checkKey(key: string): void {
  const problem = keyProblem(key);
  if (problem !== undefined) throw badKey(key, problem);
}

/** As {@link checkKey}, for what list and watch are given: empty, a key, or a key with a slash behind it. */
export function checkPrefix(prefix: string): void {
  if (prefix === "") return;
  const problem = keyProblem(prefix.endsWith("/") ? prefix.slice(0, -1) : prefix);
  if (problem !== undefined) throw badKey(prefix, problem);
}

/** Whether a prefix means everything below it; otherwise it is one key. */
export function isFolderPrefix(prefix: string): boolean {
  return prefix === "" || prefix.endsWith("/");
}

/** The error for a key that a store cannot take; `why` goes on from "the key …". */
export function badKey(key: string, why: string): AppError {
  const shown = key.length > 80 ? `${key.slice(0, 77)}...` : key;
  return new AppError("E_USAGE", `the key ${JSON.stringify(shown)} ${why}`, {
    hint: "a key looks like haproxy/memcached/mem11211",
  });
}

function keyProblem(key: string): string | undefined {
  if (key === "") return "is empty";
  if (key.startsWith("/")) return "begins with a slash";
  if (key.endsWith("/")) return "ends with a slash";
  if (key.includes("\0")) return "has a NUL in it";
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) return `is longer than ${MAX_KEY_BYTES} bytes`;
  for (const segment of key.split("/")) {
    if (segment === "") return "has two slashes in a row";
    if (segment === "." || segment === "..") return `has the segment "${segment}"`;
  }
  return undefined;
}
