import type { AgentBind } from "../../src/agent/binds.ts";
import { type AgentServer, startAgentServer } from "../../src/agent/server.ts";
import type { Clock } from "../../src/core/clock.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { type CaptureLogger, createCaptureLogger } from "./capture-logger.ts";
import { loopbackPrefix } from "./loopback.ts";
import { releaseLater } from "./releases.ts";

/** The agent port in this process, with a desk that says back what it was asked: `up #WORDS`. */
export interface AgentDoor {
  readonly agent: AgentServer;
  readonly to: { readonly host: string; readonly port: number };
  /** Another address that a client may come from. */
  readonly elsewhere: string;
  readonly logger: CaptureLogger;
  /** What was asked, in order. */
  readonly asked: readonly string[];
}

/** How it is set up. */
export interface AgentDoorOptions {
  /** Besides the address of its own. */
  readonly binds?: readonly AgentBind[];
  readonly allow?: readonly string[];
  readonly clock?: Clock;
  readonly single?: boolean;
  readonly answer?: (words: string) => string | Promise<string>;
}

const PORT = 21_970;

/** Opens it; it is closed with the test. */
export async function openAgentDoor(options: AgentDoorOptions = {}): Promise<AgentDoor> {
  const { binds = [], allow = [], clock = systemClock, single = false, answer = echo } = options;
  const prefix = await loopbackPrefix();
  const to = { host: `${prefix}.2`, port: PORT };
  const logger = createCaptureLogger();
  const asked: string[] = [];
  const desk = {
    single,
    answer: ({ words }: { readonly words: string }) => {
      asked.push(words);
      return answer(words);
    },
  };
  const agent = await startAgentServer({ binds: [to, ...binds], allow }, { desk, clock, logger });
  releaseLater("agent door", () => agent.close());
  return { agent, to, elsewhere: `${prefix}.3`, logger, asked };
}

function echo(words: string): string {
  return `up #${words}\n`;
}
