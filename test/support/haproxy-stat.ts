import type { Haproxy } from "./haproxy.ts";

/** One line of `show stat`, by column. */
export type StatRow = Readonly<Record<string, string>>;

/** The servers of a backend in `show stat`, by name; the frontend's and the backend's own lines are left out. */
export async function serverStats(
  haproxy: Pick<Haproxy, "cli">,
  backend: string,
): Promise<ReadonlyMap<string, StatRow>> {
  const SERVERS_ONLY = 4;
  const [head = [], ...rows] = parseCsv(await haproxy.cli(`show stat ${backend} ${SERVERS_ONLY} -1`));
  return new Map(
    rows.map((cells) => [cells[1] ?? "", Object.fromEntries(head.map((column, at) => [column, cells[at] ?? ""]))]),
  );
}

/** One server of it. */
export async function serverStat(haproxy: Pick<Haproxy, "cli">, backend: string, server: string): Promise<StatRow> {
  const row = (await serverStats(haproxy, backend)).get(server);
  if (row === undefined) throw new Error(`there is no server ${backend}/${server}`);
  return row;
}

/** What an agent says may hold commas, quotes and line ends, which HAProxy puts in quotes. */
function parseCsv(text: string): readonly (readonly string[])[] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain = "", end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n|$)/g)) {
    rows.at(-1)?.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end === "\n") rows.push([]);
    if (end === "") break;
  }
  return rows.filter((row) => row.length > 1);
}
