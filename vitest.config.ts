import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/support/vitest-setup.ts"],
    reporters: ["default", "./test/support/plain-reporter.ts"],
    // A process per file: each has its own loopback prefix, and a crash takes down one file only.
    pool: "forks",
    maxWorkers: 2,
    // Real servers on a loaded machine; every wait inside a test has its own, shorter deadline.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    teardownTimeout: 10_000,
    retry: 0,
    dangerouslyIgnoreUnhandledErrors: false,
  },
});
