import { statSync } from "node:fs";

/** The bits of a file's mode that let everybody read it (chmod o+r). */
const READABLE_BY_OTHERS = 0o004;

/** Whether everybody on this machine may read the file; false when it is not there. */
export function isReadableByEverybody(file: string): boolean {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats !== undefined && (stats.mode & READABLE_BY_OTHERS) !== 0;
}
