/** One worker in the master's list. */
export interface Worker {
  readonly pid: number;
  /** How many reloads it has seen; 0 for the one that came by the last reload. */
  readonly reloads: number;
  readonly uptimeSeconds: number;
  /** Empty where the master does not know it. */
  readonly version: string;
}

/** What a master knows of its processes. */
export interface Processes {
  readonly masterPid: number;
  /** Reloads since it was started, those that failed among them. */
  readonly reloads: number;
  /** Reloads that failed since the last good one; undefined before 2.5, which does not count them. */
  readonly failed: number | undefined;
  /** The worker that takes connections, or is just being started (3.1 and later); undefined while there is none. */
  readonly worker: Worker | undefined;
  /** Those that only wait for their last sessions to end, oldest first. */
  readonly oldWorkers: readonly Worker[];
}

/**
 * Reads the answer to `show proc` of a master of 2.4 to 3.x (`cli_io_handler_show_proc` in src/mworker.c). 2.4 has a
 * column more, the relative pid, and no count of failures. Undefined when it is no such answer: a master that is about
 * to reload closes the connection with nothing, or half of it, said.
 *
 * From 3.1 on, a reload that failed leaves the worker that goes on under `# old workers` with no other beside it: it
 * is the youngest there, and is shown here as what it is.
 */
export function parseShowProc(text: string): Processes | undefined {
  const lines = text.split("\n");
  const workersAt = lines.indexOf("# workers");
  const master = readMaster(lines.slice(0, Math.max(0, workersAt)));
  if (master === undefined) return undefined;
  const [current] = readWorkers(lines, "# workers");
  const old = readWorkers(lines, "# old workers").sort((a, b) => b.reloads - a.reloads);
  const goesOn = current === undefined && (master.failed ?? 0) > 0 ? old.pop() : undefined;
  return { ...master, worker: current ?? goesOn, oldWorkers: old };
}

/** `1162  master  5 [failed: 0]  0d00h02m07s  2.6.12`; on 2.4 `1162  master  0  5  0d00h02m07s  2.4.0`. */
function readMaster(lines: readonly string[]): Pick<Processes, "masterPid" | "reloads" | "failed"> | undefined {
  for (const line of lines) {
    const match = /^(\d+)\s+master\s+(?:0\s+(?=\d+\s))?(\d+)(?:\s+\[failed: (\d+)\])?\s+\d+d/.exec(line);
    if (match === null) continue;
    const failed = match[3] === undefined ? undefined : Number(match[3]);
    return { masterPid: Number(match[1]), reloads: Number(match[2]), failed };
  }
  return undefined;
}

/** `1271  worker  1  0d00h00m00s  2.6.12`; on 2.4 with `1` or `[was: 1]` in front of the reloads. */
const WORKER = /^(\d+)\s+worker\s+(?:(?:\d+|\[was: \d+\])\s+(?=\d+\s))?(\d+)\s+(\d+)d(\d+)h(\d+)m(\d+)s(?:\s+(\S+))?/;

function readWorkers(lines: readonly string[], heading: string): Worker[] {
  const at = lines.indexOf(heading);
  if (at === -1) return [];
  const end = lines.findIndex((line, nth) => nth > at && line.startsWith("#"));
  return lines.slice(at, end === -1 ? undefined : end).flatMap((line) => {
    const match = WORKER.exec(line);
    if (match === null) return [];
    const [pid = 0, reloads = 0, days = 0, hours = 0, minutes = 0, seconds = 0] = match.slice(1, 7).map(Number);
    const uptimeSeconds = ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
    return [{ pid, reloads, uptimeSeconds, version: match[7] ?? "" }];
  });
}
