import { withDeadline } from "../src/lib/deadline.ts";
import { loopbackPrefix } from "../test/support/loopback.ts";
import type { Act } from "./act.ts";
import { STARTING, startActs } from "./acts.ts";
import { createPlace } from "./place.ts";
import type { Ground, Tour } from "./stage.ts";
import { openConsul, openFolder, type TourStore } from "./store.ts";

/** Generous: it also makes MariaDB's first data folder, once per machine. */
const START_TIMEOUT_MS = 60_000;

/** Starts the store and all servers, at the same time; `consul` is its URL, else the store is a folder. */
export async function layGround({ journal, stop }: Tour, consul: string | undefined): Promise<Ground> {
  journal.chapter("Setting the stage (ms since the start)", performance.now());
  const place = createPlace();
  const say = (who: string, what: string) => journal.step(performance.now(), who, what);
  const frontHost = `${await loopbackPrefix()}.1`;
  const openStore = async () => {
    const store =
      consul === undefined
        ? await openFolder(place.dir)
        : await openConsul(consul, stop.signal, (what) => say("store", what));
    say("store", `${store.url}, ${store.words}`);
    return store;
  };
  const tag = consul === undefined ? "tour" : `tour-${process.pid}`;
  say("server", STARTING);
  const starting = (): Promise<[TourStore, readonly Act[]]> =>
    Promise.all([openStore(), startActs({ tag, dir: place.dir, frontHost }, ({ cast }) => say("server", cast))]);
  // Servers do not know of the signal; who does not want to wait for them does not have to.
  const [store, acts] = await withDeadline("starting the servers", START_TIMEOUT_MS, stop.signal, starting);
  return { place, store, acts, frontHost };
}
