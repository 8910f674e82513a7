import type { Call } from "../core/call.ts";
import { AppError } from "../core/errors.ts";
import type { Haproxy } from "../core/haproxy.ts";
import type { DestView } from "./dest-file.ts";
import type { Records } from "./records.ts";

/** What the comparison at the start needs, and where it reports. */
export interface AgreeDeps {
  readonly records: Records;
  readonly haproxy: Haproxy | undefined;
  readonly tell: AgreeTell;
}

/** What was found, in words. */
export interface AgreeTell {
  mended(differences: readonly string[]): void;
  /** Only a reload mends these. */
  left(differences: readonly string[]): void;
  /** HAProxy could not be asked. */
  unasked(error: AppError): void;
}

const TIMEOUT_MS = 10_000;

/** Keeps HAProxy at what is at dest. */
export interface Agreement {
  /** Makes what runs agree with a dest that is as it should be, unless that was done. */
  agree(view: DestView, call: Call): Promise<void>;
  /** It has to be looked at again. */
  doubt(): void;
}

/**
 * To be asked for at the start, since the process before may have been killed between HAProxy and the file, and a while
 * after each change, since somebody may have started HAProxy in between, from the file before. An HAProxy that does not
 * answer is asked again at the next pass.
 */
export function createAgreement(dest: string, deps: AgreeDeps): Agreement {
  const { records, haproxy, tell } = deps;
  let agreed = false;

  async function compare(running: Haproxy, text: string, view: DestView, call: Call): Promise<void> {
    const { mended, left } = await running.compare({ text, before: records.running(dest) }, call);
    if (mended.length > 0) tell.mended(mended);
    if (left.length > 0) {
      tell.left(left);
      records.update(dest, { applied: false, addressesOnly: false });
      return;
    }
    const record = records.get(dest);
    const runs = (!record.applied && record.addressesOnly) || records.running(dest) === text;
    if (!runs && (await running.startedAtMs(call)) <= view.sinceMs) return;
    records.setRunning(dest, text);
    records.update(dest, { applied: true, addressesOnly: false });
  }

  return {
    async agree(view, { signal }) {
      if (agreed || haproxy === undefined || view.text === undefined) return;
      try {
        await compare(haproxy, view.text, view, { signal, timeoutMs: TIMEOUT_MS });
        agreed = true;
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        tell.unasked(error);
      }
    },
    doubt() {
      agreed = false;
    },
  };
}
