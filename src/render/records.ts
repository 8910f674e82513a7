import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "../core/errors.ts";
import { replaceFile } from "../lib/atomic-file.ts";

/** What is known about one dest across restarts. "Applied" is a state kept here, not an event. */
export interface DestRecord {
  readonly dest: string;
  /** False from before the rename until a reload succeeded: what runs may not be what is at dest. */
  readonly applied: boolean;
  /** Where `applied` is false: what runs differs from dest in addresses of servers at the most. */
  readonly addressesOnly: boolean;
  /** Wall clock of the last reload that succeeded, ms; 0 when there was none. */
  readonly reloadedAtMs: number;
  /** Since when the guard holds a render back, wall clock ms; 0 when it does not. */
  readonly heldSinceMs: number;
}

/** A configuration may hold passwords, and dest may be closed to others: so is its copy. */
const RUNNING_MODE = 0o600;

/** The state folder: one small file per dest, and beside it the keys of its last render and what HAProxy runs. */
export interface Records {
  get(dest: string): DestRecord;
  /** Writes only when something differs. */
  update(dest: string, change: Partial<Omit<DestRecord, "dest">>): void;
  /** The keys of the last render that was let through; undefined when there was none. */
  keys(dest: string): readonly string[] | undefined;
  setKeys(dest: string, keys: readonly string[]): void;
  /** The text that HAProxy is known to run; undefined when that is not known. */
  running(dest: string): string | undefined;
  setRunning(dest: string, text: string): void;
  /** Forgets what is in memory, so that what another process wrote is seen. */
  refresh(dest: string): void;
}

/**
 * Opens the folder, and makes it unless nothing is to be written (`--noop`). Its files survive a killed process, not a power cut: after that HAProxy
 * starts anew from dest. Throws E_FILE when the folder cannot be used.
 */
export function openRecords(folder: string, options: { readonly readOnly: boolean }): Records {
  if (!options.readOnly) attempt(folder, () => mkdirSync(folder, { recursive: true, mode: 0o755 }));
  const records = new Map<string, DestRecord>();
  const keyLists = new Map<string, readonly string[] | undefined>();
  const runningTexts = new Map<string, string | undefined>();
  const path = (dest: string, ending: string) => join(folder, `${fileName(dest)}.${ending}`);

  function get(dest: string): DestRecord {
    let record = records.get(dest);
    if (record === undefined) {
      record = parseRecord(dest, readIfThere(path(dest, "json")));
      records.set(dest, record);
    }
    return record;
  }

  function keys(dest: string): readonly string[] | undefined {
    if (!keyLists.has(dest))
      keyLists.set(
        dest,
        readIfThere(path(dest, "keys"))
          ?.split("\n")
          .filter((key) => key !== ""),
      );
    return keyLists.get(dest);
  }

  return {
    get,
    update(dest, change) {
      const before = get(dest);
      const after = { ...before, ...change };
      if (options.readOnly || JSON.stringify(before) === JSON.stringify(after)) return;
      attempt(folder, () => replaceFile(path(dest, "json"), `${JSON.stringify(after)}\n`, { fsync: false }));
      records.set(dest, after);
    },
    keys,
    setKeys(dest, now) {
      const before = keys(dest);
      if (before !== undefined && before.length === now.length && before.every((key, i) => key === now[i])) return;
      attempt(folder, () => replaceFile(path(dest, "keys"), now.map((key) => `${key}\n`).join(""), { fsync: false }));
      keyLists.set(dest, [...now]);
    },
    running(dest) {
      if (!runningTexts.has(dest)) runningTexts.set(dest, readIfThere(path(dest, "running")));
      return runningTexts.get(dest);
    },
    setRunning(dest, text) {
      if (options.readOnly || runningTexts.get(dest) === text) return;
      attempt(folder, () => replaceFile(path(dest, "running"), text, { mode: RUNNING_MODE, fsync: false }));
      runningTexts.set(dest, text);
    },
    refresh(dest) {
      records.delete(dest);
      keyLists.delete(dest);
      runningTexts.delete(dest);
    },
  };
}

/** Readable for whoever looks into the folder: `/etc/haproxy/haproxy.cfg` is `etc!haproxy!haproxy.cfg`. */
function fileName(dest: string): string {
  return dest.slice(1).replaceAll("%", "%25").replaceAll("!", "%21").replaceAll("/", "!");
}

/** A record that is there but cannot be read may hide a reload that is due, so one is made due. */
function parseRecord(dest: string, text: string | undefined): DestRecord {
  const none: DestRecord = { dest, applied: true, addressesOnly: false, reloadedAtMs: 0, heldSinceMs: 0 };
  if (text === undefined) return none;
  let json: Partial<Record<keyof DestRecord, unknown>>;
  try {
    json = JSON.parse(text);
  } catch {
    return { ...none, applied: false };
  }
  return {
    dest,
    applied: json.applied === true,
    addressesOnly: json.addressesOnly === true,
    reloadedAtMs: Number(json.reloadedAtMs) || 0,
    heldSinceMs: Number(json.heldSinceMs) || 0,
  };
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new AppError("E_FILE", `reading ${path}`, { cause: error });
  }
}

function attempt(folder: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    throw new AppError("E_FILE", `using the state folder ${folder}`, {
      cause: error,
      hint: "name a folder that can be written with --state-dir",
    });
  }
}
