import { afterAll, afterEach, beforeEach } from "vitest";
import { enterTest, leaveTest, releaseAll } from "./releases.ts";

// Registered before any hook of the test file: vitest runs the after-hooks in reverse, so these come last.
beforeEach(enterTest);
afterEach(leaveTest);
afterAll(releaseAll);
