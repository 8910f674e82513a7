import type { Target } from "../../src/core/targets.ts";
import type { Dialect } from "./dialect.ts";
import { type Link, openLink, type Row } from "./link.ts";
import type { ReadLogin } from "./login.ts";
import { serverErrno, verdictAboutUs } from "./server-error.ts";

/** A kept connection to one server, made at the first question and again when it is needed and gone. */
export interface Session {
  /**
   * Asks with the words of the server's version. Rejects with the server's error (it has `errno`), when the connection
   * cannot be made or is lost, and with the signal's reason; in the last two cases the connection is dropped at once,
   * so that a late answer is never taken for another one. One exchange at a time.
   */
  query(words: string | ((dialect: Dialect) => string), signal: AbortSignal): Promise<readonly Row[]>;
  /** COM_PING: the server's thread for this connection lives. */
  ping(signal: AbortSignal): Promise<void>;
  /** Safe to call twice. A question that is under way rejects; `onLost` is not called. */
  close(): void;
}

/** Where to, as whom, and whom to tell when the connection ends while nothing is asked. */
export interface SessionOptions {
  readonly target: Target;
  readonly login: ReadLogin;
  onLost?(reason: string): void;
}

/** Connects nothing yet. */
export function createSession({ target, login, onLost }: SessionOptions): Session {
  let link: Link | undefined;
  /** Fails the question that is under way. */
  let fail: ((error: unknown) => void) | undefined;
  let closed = false;

  async function connect(signal: AbortSignal): Promise<Link> {
    // Loaded with the first question: whoever checks something else never pays for it.
    const [driver, current] = await Promise.all([import("mysql2"), login()]);
    signal.throwIfAborted();
    if (closed) throw new Error("the connection was closed by this side");
    const made = openLink(driver, { target, login: current }, (error) => {
      if (link === made) link = undefined;
      if (fail === undefined) onLost?.(error.message);
      else fail(error);
    });
    link = made;
    return made;
  }

  function drop(): void {
    link?.destroy();
    link = undefined;
  }

  function leave(): void {
    link?.leave();
    link = undefined;
  }

  /** After an error: keeps what is still good for the next question. */
  function tidy(error: unknown): void {
    // A refused login ends the connection too, though mysql2 does not call it fatal.
    if (link?.isOpen !== true || !isAnswer(error)) drop();
    // What a connection may do is settled when it logs in: what is mended there now counts for the next one.
    else if (verdictAboutUs(error) !== undefined) leave();
  }

  async function exchange<T>(signal: AbortSignal, work: (link: Link) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    let reject: (error: unknown) => void = () => {};
    const failed = new Promise<never>((_, no) => {
      reject = no;
    });
    const onAbort = () => {
      drop();
      reject(signal.reason);
    };
    fail = reject;
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      const answer = async () => work(link ?? (await connect(signal)));
      return await Promise.race([answer(), failed]);
    } catch (error) {
      tidy(error);
      throw error;
    } finally {
      fail = undefined;
      signal.removeEventListener("abort", onAbort);
    }
  }

  return {
    query: (words, signal) =>
      exchange(signal, async (at) => at.query(typeof words === "string" ? words : words(await at.dialect()))),
    ping: (signal) => exchange(signal, (at) => at.ping()),
    close() {
      closed = true;
      if (fail === undefined) leave();
      else drop();
      fail?.(new Error("the connection was closed by this side"));
    },
  };
}

/** Whether the server itself answered so, on a connection that goes on. */
function isAnswer(error: unknown): boolean {
  return serverErrno(error) !== undefined && !(error instanceof Error && "fatal" in error && error.fatal === true);
}
