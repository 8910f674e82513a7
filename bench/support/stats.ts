/** The value that `percent` of the sorted numbers do not exceed. */
export function percentile(numbers: readonly number[], percent: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1))] ?? Number.NaN;
}

/** `p50 1.23  p90 …  p99 …  max …` in ms. */
export function summary(numbers: readonly number[]): string {
  const at = (percent: number) => percentile(numbers, percent).toFixed(2).padStart(8);
  return `p50 ${at(50)}  p90 ${at(90)}  p99 ${at(99)}  max ${at(100)}  (ms, n=${numbers.length})`;
}

/** One line that says whether a target is met, with the number either way. */
export function verdict(what: string, measured: number, target: number): string {
  return verdictLine(measured <= target, `${what}: ${measured.toFixed(2)} (target at most ${target})`);
}

/** The same, of what is to be no less than that. */
export function verdictAtLeast(what: string, measured: number, target: number): string {
  return verdictLine(measured >= target, `${what}: ${measured.toFixed(2)} (target at least ${target})`);
}

function verdictLine(isMet: boolean, text: string): string {
  return `${isMet ? "met   " : "MISSED"}  ${text}`;
}
