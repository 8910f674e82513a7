import { readFileSync } from "node:fs";

/** Ticks per second of the times in /proc (sysconf(_SC_CLK_TCK) on every Linux there is today). */
const TICKS_PER_SECOND = 100;

/** CPU seconds of a process and of the children it has waited for (proc(5), stat fields 14 to 17). */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = [11, 12, 13, 14].map((at) => Number(fields[at]));
  return ticks.reduce((a, b) => a + b, 0) / TICKS_PER_SECOND;
}

/** Resident memory of a process, MiB (proc(5), VmRSS). */
export function residentMib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1_024;
}
