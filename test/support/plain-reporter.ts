import type { Reporter, TestModule } from "vitest/node";

/**
 * Ends the run with one line that a person and a script read alike: `N passed, N failed, N skipped`. A file
 * that could not be loaded, and an error outside every test, count as one failed each.
 */
export default class PlainReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()].map((test) => test.result().state));
    const count = (state: string) => tests.filter((each) => each === state).length;
    const notLoaded = modules.filter((module) => module.errors().length > 0).length;
    const failed = count("failed") + notLoaded + unhandledErrors.length;
    process.stdout.write(`${count("passed")} passed, ${failed} failed, ${count("skipped")} skipped\n`);
  }
}
