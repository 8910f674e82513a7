/** What a person has said about a tag or a server: keep sessions off it, whatever the checks find. */
export interface Order {
  readonly state: "maint" | "drain";
  /** One printable line. */
  readonly reason: string | undefined;
  /** Who gave it. */
  readonly by: string | undefined;
  /** Wall clock, ms since the Unix epoch; undefined: somebody wrote it without. */
  readonly sinceMs: number | undefined;
  /** When it ends by itself, wall clock ms; undefined: when somebody says so. */
  readonly untilMs: number | undefined;
}
