import { eventually } from "./eventually.ts";
import { failIfExited, type Launched } from "./launch.ts";
import { currentScope } from "./releases.ts";

/** A real server on an address of its own, which a test may crash, hang and start again. */
export interface Server {
  readonly address: string;
  readonly port: number;
  /** `address:port` */
  readonly server: string;
  readonly pid: number;
  readonly running: boolean;
  stderr(): string;
  /** SIGTERM, orderly. */
  stop(): Promise<void>;
  /** SIGKILL: a crash. */
  kill(): Promise<void>;
  /** SIGSTOP: a hang. */
  pause(): void;
  resume(): void;
  /** Stops it if it runs, and starts it again on the same address and port; returns when it is ready. */
  restart(): Promise<void>;
}

/** What a kind of server must say about itself. */
export interface ServerPlan {
  readonly what: string;
  readonly address: string;
  readonly port: number;
  start(): Launched;
  /** Truthy when it answers its own protocol; may throw while it does not. */
  ready(): Promise<unknown>;
}

/** Starts a server by its plan and returns when it is ready. It ends with the test. */
export async function startServer(plan: ServerPlan): Promise<Server> {
  const within = currentScope();
  let launched = await startAndWait(plan, plan.start());
  return {
    address: plan.address,
    port: plan.port,
    server: `${plan.address}:${plan.port}`,
    get pid() {
      return launched.pid;
    },
    get running() {
      return launched.running;
    },
    stderr: () => launched.stderr(),
    stop: async () => void (await launched.stop()),
    kill: async () => void (await launched.kill()),
    pause: () => launched.pause(),
    resume: () => launched.resume(),
    async restart() {
      await launched.stop();
      // a server that serves a whole file goes on after the test that started it again
      launched = await startAndWait(plan, within(plan.start));
    },
  };
}

async function startAndWait(plan: ServerPlan, launched: Launched): Promise<Launched> {
  await untilReady(plan.what, launched, plan.ready);
  return launched;
}

/** Polls `ready`; gives up at once, with the process's own words, when the process ends. */
export async function untilReady(what: string, launched: Launched, ready: () => Promise<unknown>): Promise<void> {
  const outcome = await eventually(`${what} is ready`, async () => !launched.running || (await ready()));
  if (outcome === true) await failIfExited(what, launched);
}
