import { expect, test, vi } from "vitest";
import { askOnce } from "../support/agent-client.ts";
import { CROWD_TEST_MS, startCrowd, untilGone, untilThere } from "../support/agent-crowd.ts";
import {
  allowFiles,
  memoryMiB,
  mostFiles,
  openFilesOf,
  startAgentProgram,
  untilAnswered,
} from "../support/agent-program.ts";
import { eventually } from "../support/eventually.ts";

/** The program gets along with 16; fifty thousand sockets that nobody lets go of need 80 and more. */
const HEAP_MIB = 32;

/** Of all memory, behind the first ten thousand clients; 10 to 40 is usual. */
const MOST_GROWTH_MIB = 128;

vi.setConfig({ testTimeout: CROWD_TEST_MS });

test("fifty thousand clients of the worst kind leave no memory and no file behind", async () => {
  const { program, to, words } = await startAgentProgram({ heapMiB: HEAP_MIB });
  await untilAnswered(() => askOnce(to, words[0]), "up\n");
  const files = openFilesOf(program);
  const first = startCrowd({ to, atOnce: 200, inAll: 10_000, are: "bad" });
  await untilGone(first, 10_000);
  const before = memoryMiB(program);
  const crowd = startCrowd({ to, atOnce: 200, inAll: 40_000, are: "bad" });
  await untilThere(crowd, 1);
  expect(await askOnce(to, words[0])).toBe("up\n");
  expect(await askOnce(to, words[1])).toBe("up\n");
  await untilGone(crowd, 40_000);
  expect(memoryMiB(program) - before).toBeLessThan(MOST_GROWTH_MIB);
  await eventually("every file was given back", () => openFilesOf(program) <= files);
  expect(await askOnce(to, words[0])).toBe("up\n");
  expect(program.stderr()).not.toMatch(/error/i);
});

test("with few files to open, clients take no more than their part: servers are probed and their state is told", async () => {
  const { program, to, servers, words, metric } = await startAgentProgram({ files: 256 });
  await untilAnswered(() => askOnce(to, words[0]), "up\n");
  const crowd = startCrowd({ to, atOnce: 600, inAll: 1_000_000, are: "silent" });
  await eventually("there was no room for all", async () => (await metric("confd_haproxy_agent_dropped_total")) > 600);
  await servers[0].kill();
  await untilAnswered(() => askOnce(to, words[0]), /^down #/);
  await untilAnswered(() => askOnce(to, words[1]), "up\n");
  await servers[0].restart();
  await untilAnswered(() => askOnce(to, words[0]), "up\n");
  expect(await metric("confd_haproxy_agent_connections")).toBeLessThanOrEqual(192);
  expect(program.stderr()).not.toMatch(/EMFILE|cannot take connections/);
  await crowd.leave();
});

test("where the system has no more files, one line says so, and all is well again when it has", async () => {
  const { program, to, words } = await startAgentProgram();
  await untilAnswered(() => askOnce(to, words[0]), "up\n");
  const most = mostFiles(program);
  allowFiles(program, openFilesOf(program) + 2);
  const crowd = startCrowd({ to, atOnce: 20, inAll: 1_000_000, are: "silent" });
  await eventually("it is told", () => program.stderr().includes("the agent port cannot take connections: EMFILE"));
  await untilGone(crowd, 200);
  allowFiles(program, most);
  await untilAnswered(() => askOnce(to, words[0]), "up\n");
  await untilAnswered(() => askOnce(to, words[1]), "up\n");
  await crowd.leave();
  expect(program.stderr().match(/cannot take connections/g)).toHaveLength(1);
  expect(program.running).toBe(true);
});
