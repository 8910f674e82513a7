import { setMaxListeners } from "node:events";
import { AppError, errorText } from "../src/core/errors.ts";
import { withDeadline } from "../src/lib/deadline.ts";
import { releaseAll } from "../test/support/releases.ts";
import { layGround } from "./ground.ts";
import { createJournal, type Journal } from "./journal.ts";
import type { TourOptions } from "./options.ts";
import { type Outcome, play } from "./scene.ts";
import { lookAt, type Stage, setStage, type Tour } from "./stage.ts";
import { stay } from "./stay.ts";
import type { TourStore } from "./store.ts";
import { summarize } from "./summary.ts";

/** As a shell has it for a program that Ctrl-C ended. */
const EXIT_INTERRUPTED = 130;

/** npm, tsx and the terminal may each pass on the same Ctrl-C. */
const SAME_SIGNAL_MS = 1_000;

const LOG_TAIL_LINES = 8;
const READY_TIMEOUT_MS = 30_000;

/** Runs the whole tour, puts everything away, and returns the exit code. */
export async function runTour(options: TourOptions): Promise<number> {
  const startMs = performance.now();
  const journal = createJournal(process.stdout);
  const tour: Tour = { journal, stop: new AbortController(), logs: new Map() };
  const interrupted = new Error("stopped by a signal");
  // Everything that waits listens to it.
  setMaxListeners(0, tour.stop.signal);
  stopOnSignals(tour.stop, interrupted);
  let code: number;
  try {
    await perform(tour, options, interrupted);
    code = 0;
  } catch (error) {
    // A wait that was cut short knows only that it was; the reason is with the signal.
    const reason: unknown = tour.stop.signal.aborted ? tour.stop.signal.reason : error;
    code = reason === interrupted ? EXIT_INTERRUPTED : 1;
    if (reason !== interrupted) explain(tour, reason);
  }
  tour.stop.abort();
  await releaseAll().catch((error: unknown) => {
    process.stderr.write(`\nNot all could be put away: ${errorText(error)}\n`);
    code = 1;
  });
  journal.line(
    `\nAll is stopped and removed, ${((performance.now() - startMs) / 1_000).toFixed(1)} s after the start.`,
  );
  return code;
}

async function perform(tour: Tour, options: TourOptions, interrupted: Error): Promise<void> {
  const { journal, stop } = tour;
  journal.line("confd-haproxy: servers fail, and HAProxy follows.");
  const ground = await layGround(tour, options.consul);
  const stage = await setStage(tour, ground);
  const outcomes = await playAll(stage);
  summarize(journal, outcomes);
  if (!options.stay) return sayWhatNext(journal, ground.store);
  await stay(stage);
  if (stop.signal.reason !== interrupted) throw stop.signal.reason;
}

async function playAll(stage: Stage): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const act of stage.acts) {
    lookAt(stage, act);
    await withDeadline(`getting ${act.kind} ready`, READY_TIMEOUT_MS, stage.stop.signal, async () => act.ready?.());
    for (const scene of act.scenes) outcomes.push(await play(stage, act, scene));
  }
  lookAt(stage, undefined);
  return outcomes;
}

function sayWhatNext(journal: Journal, store: TourStore): void {
  journal.line("\nWhat next");
  journal.line("  npm start -- --stay                            keep it running, and try things");
  if (store.url.startsWith("file:")) {
    journal.line("  npm start -- --store consul://127.0.0.1:8500   the same over Consul");
  }
  journal.line("  README.md                                      how to go on with your own servers");
}

/** The first signal ends the tour in order; one more, later, at once. */
function stopOnSignals(stop: AbortController, reason: Error): void {
  let firstMs: number | undefined;
  const onSignal = () => {
    firstMs ??= performance.now();
    stop.abort(reason);
    if (performance.now() - firstMs > SAME_SIGNAL_MS) process.exit(EXIT_INTERRUPTED);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, onSignal);
}

function explain({ logs }: Tour, error: unknown): void {
  const say = (text: string) => void process.stderr.write(`${text}\n`);
  say(`\nIt did not work: ${errorText(error)}`);
  if (error instanceof AppError && error.hint !== undefined) say(`(${error.hint})`);
  for (const [name, log] of logs) {
    const lines = log().trimEnd().split("\n").slice(-LOG_TAIL_LINES);
    say(`\nThe end of the log of ${name}:\n${lines.map((line) => `  ${line}`).join("\n")}`);
  }
}
