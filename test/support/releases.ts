import { type Cleanup, createCleanup } from "../../src/lib/cleanup.ts";

/**
 * What test support opened and must be let go of: the whole process's, and while a test runs that test's.
 * `vitest-setup.ts` opens and closes the test's; a bench or the tour calls {@link releaseAll} itself. Tests
 * that start servers therefore must not be `test.concurrent`.
 */
const ofFile: Cleanup = createCleanup();
let ofTest: Cleanup | undefined;

/** Lets go of something when the running test ends; outside a test (beforeAll, bench) when the file ends. */
export function releaseLater(what: string, release: () => Promise<void> | void): void {
  (ofTest ?? ofFile).add(what, release);
}

/** From here on {@link releaseLater} means this test. */
export function enterTest(): void {
  ofTest = createCleanup();
}

/** Lets go of what the test opened, last first. Throws the first failure after having tried everything. */
export async function leaveTest(): Promise<void> {
  const cleanup = ofTest;
  ofTest = undefined;
  await cleanup?.run();
}

/** Lets go of everything that is left. */
export async function releaseAll(): Promise<void> {
  await leaveTest();
  await ofFile.run();
}

/** Remembers whether a test runs now, and which: what is started again later ends when the first one would have. */
export function currentScope(): <T>(start: () => T) => T {
  const scope = ofTest;
  return (start) => {
    const now = ofTest;
    ofTest = scope;
    try {
      return start();
    } finally {
      ofTest = now;
    }
  };
}
