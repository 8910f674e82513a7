import { agentLine } from "../core/agent-line.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Order } from "../core/order.ts";
import type { Standing } from "../core/standing.ts";
import type { Debts } from "./debts.ts";
import type { Seat } from "./seat.ts";
import { createSigns, type Meant } from "./signs.ts";

/** What was asked, and by whom. */
interface Asked {
  /** The first line of what was sent (`agent-send`), "" for nothing. */
  readonly words: string;
  /** The address of who asks, or `unix`. */
  from(): string;
}

/** Answers each question of HAProxy from what is known at this moment. */
export interface Desk {
  /** Every question has the same answer: it need not be waited for. */
  readonly single: boolean;
  /** A whole line with its end. A promise only for tags whose servers are asked when HAProxy asks; never rejects. */
  answer(asked: Asked): string | Promise<string>;
  /** From now on `--on-stopping` is said. */
  stop(): void;
}

/** What answers are made of. */
export interface DeskDeps {
  /** The tags at this moment; the same array as long as they are the same. */
  readonly seats: () => readonly Seat[];
  /** One tag by its flags: it has the port to itself. */
  readonly alone: boolean;
  /** Which tag is meant by a question without words, where there are several: `tag` or `kind/tag`. */
  readonly defaultWords: string | undefined;
  readonly order: (who: {
    readonly kind: string;
    readonly tag: string;
    readonly server: string | undefined;
  }) => Order | undefined;
  readonly debts: Debts;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** HAProxy waits no longer than its agent-inter, 2 s by default; a fresh look has to be over before that, ms. */
const PATIENCE_MS = 1_500;

/** What is said to a question that names nobody: no opinion, so that a slip in haproxy.cfg moves no traffic. */
const NO_OPINION = "\n";

/** Answers from the first moment on, also before there are tags. */
export function createDesk(deps: DeskDeps): Desk {
  const { seats, alone, clock, order, debts } = deps;
  const signs = createSigns(deps);
  let stopping = false;

  function reply(meant: Meant, from: Asked["from"]): string {
    const { seat, server, who } = meant;
    const { kind, tag, options } = seat;
    const nowMs = clock.monotonicMs();
    const found = look(meant);
    if (found === "gone") return "down #not among the servers any more\n";
    const told = order({ kind, tag, server: found?.name ?? server });
    const moment = { standing: found, order: told, stopping, nowMs, owesReady: false };
    const line = agentLine(moment, options.agent);
    const owesReady = debts.settle({ who, from }, line.traffic, options.readyForMs);
    return `${owesReady ? agentLine({ ...moment, owesReady }, options.agent).text : line.text}\n`;
  }

  function look({ seat, server }: Meant): Standing | "gone" | undefined {
    const source = seat.source();
    return server === undefined ? source?.ofTag() : source?.ofServer(server);
  }

  async function freshReply(meant: Meant, from: Asked["from"]): Promise<string> {
    const source = meant.seat.source();
    const patience = new AbortController();
    try {
      const late = clock.sleep(PATIENCE_MS, patience.signal).catch(() => {});
      await Promise.race([source?.freshen(meant.server), late]);
    } finally {
      patience.abort();
    }
    return reply(meant, from);
  }

  return {
    get single() {
      if (!alone) return false;
      const listed = seats();
      return listed.length === 1 && listed[0]?.source()?.count === 1;
    },
    answer({ words, from }) {
      const meant = signs.read(words);
      if (meant === undefined) return NO_OPINION;
      const asksFirst = meant.seat.options.intervalMs === 0 && !stopping;
      return asksFirst ? freshReply(meant, from) : reply(meant, from);
    },
    stop() {
      stopping = true;
    },
  };
}
