import type { ServiceContext } from "../../src/core/checker.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { createCaptureLogger } from "./capture-logger.ts";

/** What a checker's service is made with, for a test that asks it without a group around it. */
export function serviceContext(context: Partial<ServiceContext> = {}): ServiceContext {
  return {
    clock: systemClock,
    logger: createCaptureLogger(),
    who: "test",
    signal: new AbortController().signal,
    ...context,
  };
}
