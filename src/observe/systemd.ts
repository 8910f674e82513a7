import type { Clock } from "../core/clock.ts";
import { errorText } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Supervisor } from "../core/supervisor.ts";

/** Nobody started us who wants to know. */
export const noSupervisor: Supervisor = {
  ready() {},
  status() {},
  turned() {},
  turnEveryMs: undefined,
  stopping() {},
};

/** How long `systemd-notify` may take, ms. */
const NOTIFY_TIMEOUT_MS = 5_000;

/**
 * Speaks sd_notify(3) when systemd asked for it. Node has no datagram sockets in the file system, so the words
 * go through `systemd-notify`, which is wherever systemd is; the unit needs `NotifyAccess=all` for that.
 * `WATCHDOG=1` is sent at half of systemd's interval, and only from the loop's own turns.
 */
export function createSupervisor(
  env: Readonly<Record<string, string | undefined>>,
  deps: { readonly clock: Clock; readonly logger: Logger },
): Supervisor {
  if (!env["NOTIFY_SOCKET"]) return noSupervisor;
  const watchdogUs = Number(env["WATCHDOG_USEC"] ?? 0);
  const turnEveryMs = watchdogUs > 0 ? watchdogUs / 2_000 : undefined;
  let pingedAtMs = Number.NEGATIVE_INFINITY;
  let lastStatus = "";
  let ready = false;
  let failed = false;
  // one after the other, so that an older word never overtakes a newer one
  let queue: Promise<void> = Promise.resolve();

  async function notify(words: readonly string[]): Promise<void> {
    const { execa } = await import("execa");
    try {
      await execa("systemd-notify", [...words], { stdio: "ignore", timeout: NOTIFY_TIMEOUT_MS });
      failed = false;
    } catch (error) {
      if (!failed) deps.logger.warn("systemd cannot be told how we are", { err: errorText(error) });
      failed = true;
    }
  }
  const say = (...words: string[]) => {
    queue = queue.then(() => notify(words));
  };

  return {
    turnEveryMs,
    ready() {
      if (!ready) say("--ready");
      ready = true;
    },
    status(text) {
      if (text === lastStatus) return;
      lastStatus = text;
      say(`--status=${text}`);
    },
    turned() {
      if (turnEveryMs === undefined || deps.clock.monotonicMs() - pingedAtMs < turnEveryMs * 0.9) return;
      pingedAtMs = deps.clock.monotonicMs();
      say("WATCHDOG=1");
    },
    stopping: () => say("STOPPING=1"),
  };
}
