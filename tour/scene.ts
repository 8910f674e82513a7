import { AppError } from "../src/core/errors.ts";
import { cli } from "../test/support/haproxy.ts";
import type { Act, Player, Scene } from "./act.ts";
import type { Sighting, Source } from "./news.ts";
import { clientOf, type Stage, untilCalm } from "./stage.ts";

/** What came of a scene, and when each thing was seen, in ms since the fault. */
export interface Outcome {
  readonly scene: Scene;
  readonly from: Player;
  readonly to: Player;
  readonly noticedMs: number;
  /** Undefined when there was nothing to wait for but the checker. */
  readonly cueMs: number | undefined;
  readonly writtenMs: number;
  readonly inPlaceMs: number;
  /** When HAProxy had the address of the heir. */
  readonly appliedMs: number;
  readonly answeredMs: number;
  /** Requests from the fault to that answer that got none. */
  readonly unanswered: number;
}

/** Lets it happen to the server that answers the client, and waits until an heir of it does. */
export async function play(stage: Stage, act: Act, scene: Scene): Promise<Outcome> {
  const { journal, news } = stage;
  const client = clientOf(stage, act);
  await untilCalm(client, stage);
  const from = playerBy(act, "the client was answered by", ({ name }) => name === client.last());

  const startMs = performance.now();
  journal.chapter(`${scene.title} (ms since then)`, startMs, scene.why);
  client.forget();
  const done = await scene.strike(from);
  journal.step(performance.now(), "server", done);
  // At once: soon HAProxy has another server in its place.
  if (scene.portAnswers === true) await tellCheckOf(stage, act, from);

  const see = async (what: string, fits: (sighting: Sighting) => boolean) => {
    const sighting = await news.until(what, fits, startMs);
    return { ms: sighting.atMs - startMs, text: sighting.text };
  };
  const seen = async (what: string, source: Source, fits: (text: string) => boolean) =>
    (await see(what, (sighting) => sighting.source === source && fits(sighting.text))).ms;

  const down = `${from.server.server} is down`;
  const notice = () => seen(`the checker notices ${from.name}`, "checkers", (text) => text.includes(down));
  const isLeft = ({ source, kind, text }: Sighting) =>
    source === "entry" && kind === act.kind && text !== from.server.server;
  const [noticedMs, written] = await Promise.all([notice(), see(`the entry leaves ${from.name}`, isLeft)]);
  const to = playerBy(act, "the entry names", (one) => one.server.server === written.text && scene.isHeir(one));
  const [cueMs, inPlaceMs, appliedMs, [answeredMs, unanswered]] = await Promise.all([
    scene.cue && see(scene.cue.what, scene.cue.fits).then(({ ms }) => ms),
    seen(`haproxy.cfg names ${to.name}`, "file", (text) => text.split(", ").includes(to.server.server)),
    seen(`HAProxy has ${to.name}`, "haproxy", (text) => text.includes(to.server.server)),
    seen(`${to.name} answers the client`, "client", (text) => text === to.name).then(
      (ms) => [ms, client.unanswered()] as const,
    ),
    seen("render has accepted the file", "render", (text) => text.startsWith("wrote")),
    seen("render says how", "render", (text) => text.startsWith("in force")),
  ]);
  const writtenMs = written.ms;
  return { scene, from, to, noticedMs, cueMs, writtenMs, inPlaceMs, appliedMs, answeredMs, unanswered };
}

function playerBy({ players }: Act, what: string, fits: (player: Player) => boolean): Player {
  const player = players.find(fits);
  if (player === undefined) throw new AppError("E_INTERNAL", `${what} nobody who should be`);
  return player;
}

/** What HAProxy's own check of the server says (management guide 9.1, "show stat"). */
async function tellCheckOf({ place, journal }: Stage, act: Act, player: Player): Promise<void> {
  const [head = "", ...rows] = (await cli(place.haproxySocket, "show stat")).split("\n");
  const names = head.replace(/^# /, "").split(",");
  const row = rows
    .map((line) => line.split(","))
    .find((cells) => {
      return cells[names.indexOf("pxname")] === act.tag && cells[names.indexOf("addr")] === player.server.server;
    });
  const cell = (name: string) => row?.[names.indexOf(name)] ?? "?";
  const words = `its own check says ${player.name} is ${cell("status")} (${cell("check_status").replace("* ", "")})`;
  journal.step(performance.now(), "haproxy", words);
}
