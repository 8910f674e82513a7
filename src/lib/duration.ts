import { AppError } from "../core/errors.ts";

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * Reads `250ms`, `1s`, `1.5s`, `10m`, `2h`, `1d`, Go's compound `1m30s`, or a bare number of seconds (as
 * confd's `-interval 600`), into ms. Throws E_CONFIG that names `what`.
 */
export function parseDuration(text: string | number, what: string): number {
  const trimmed = String(text).trim();
  if (/^\d+(\.\d+)?$/.test(trimmed)) return Number(trimmed) * 1_000;
  if (/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(trimmed)) {
    let total = 0;
    for (const [, number, unit] of trimmed.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
      total += Number(number) * UNIT_MS[unit as keyof typeof UNIT_MS];
    }
    return total;
  }
  throw new AppError("E_CONFIG", `${what}: "${trimmed}" is not a duration`, {
    hint: "write for example 250ms, 1s, 1m30s or 2h",
  });
}

/** Ms as a person reads them: `0.8 ms`, `250 ms`, `1.5 s`, `10 min`. */
export function formatMs(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${Number((ms / 1_000).toFixed(1))} s`;
  return `${Math.round(ms / 60_000)} min`;
}
