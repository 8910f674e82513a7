import { expect, test } from "vitest";
import { createTextLogger, type TextLoggerOptions } from "../../../src/observe/text-logger.ts";

function capture(options: Partial<TextLoggerOptions> = {}) {
  let text = "";
  const write = (line: string) => {
    text += line;
  };
  const logger = createTextLogger({ level: "info", colour: false, wallMs: undefined, write, ...options });
  return { logger, text: () => text };
}

test("a line is level, message and fields; a value with blanks is quoted, an absent one left out", () => {
  const { logger, text } = capture();
  logger.info("wrote it", { resource: "a", took: "1.5 s", none: undefined });
  expect(text()).toBe('info  wrote it  resource=a  took="1.5 s"\n');
});

test("what a command printed and the hint stand below the line", () => {
  const { logger, text } = capture();
  logger.error("check_cmd refused\n[ALERT] line 3", { hint: "look there" });
  expect(text()).toBe("error check_cmd refused\n      [ALERT] line 3\n      hint: look there\n");
});

test("a value from a stranger can neither forge a line nor colour the terminal", () => {
  const { logger, text } = capture();
  logger.warn("bad value \u001b[31mred", { key: "a\nerror forged" });
  expect(text()).toBe('warn  bad value \\x1b[31mred  key="a\\nerror forged"\n');
});

test("what is below the level is not written", () => {
  const { logger, text } = capture({ level: "warn" });
  logger.info("no");
  logger.debug("no");
  logger.error("yes");
  expect(text()).toBe("error yes\n");
});

test("a child adds its fields; the time stands in front; colour marks only the level", () => {
  const { logger, text } = capture({ colour: true, wallMs: () => 0 });
  logger.child({ resource: "a" }).info("hi");
  expect(text()).toBe("1970-01-01T00:00:00.000Z \u001b[36minfo \u001b[0m hi  resource=a\n");
});
