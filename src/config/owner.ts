import { readFileSync } from "node:fs";

/** The number of a user or group by its name in `/etc/passwd` or `/etc/group`; undefined when it is not there. */
export function idOf(name: string, file: "/etc/passwd" | "/etc/group"): number | undefined {
  const line = readFileSync(file, "utf8")
    .split("\n")
    .find((candidate) => candidate.startsWith(`${name}:`));
  const id = Number(line?.split(":")[2]);
  return Number.isInteger(id) ? id : undefined;
}
