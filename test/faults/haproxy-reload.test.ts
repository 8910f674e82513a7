import { expect, test } from "vitest";
import type { Call } from "../../src/core/call.ts";
import type { Clock } from "../../src/core/clock.ts";
import { readOldWorkers } from "../../src/haproxy/old-workers.ts";
import { reloadByMaster } from "../../src/haproxy/reload-master.ts";
import { watchReload } from "../../src/haproxy/reload-outcome.ts";
import { openRuntimeSocket } from "../../src/haproxy/runtime-socket.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { type ScriptedReply, startScriptedRuntime } from "../support/scripted-runtime.ts";

const call: Call & { readonly clock: Clock } = {
  signal: new AbortController().signal,
  clock: systemClock,
  timeoutMs: 15_000,
};

interface State {
  masterPid?: number;
  reloads: number;
  failed?: number;
  workers?: readonly number[];
  old?: readonly number[];
}

/** `show proc` as 2.5 and later write it; without `failed` as 2.4 does. */
function showProc({ masterPid = 100, reloads, failed, workers = [], old = [] }: State): string {
  const is24 = failed === undefined;
  const row = (pid: number, type: string, relative: string, count: string) =>
    [`${pid}`, type, ...(is24 ? [relative] : []), count, "0d00h00m01s", "2.x"].map((cell) => cell.padEnd(15)).join(" ");
  return [
    "#<PID>          <type>          <reloads>       <uptime>        <version>",
    row(masterPid, "master", "0", is24 ? `${reloads}` : `${reloads} [failed: ${failed}]`),
    "# workers",
    ...workers.map((pid) => row(pid, "worker", "1", "0")),
    ...(old.length === 0 ? [] : ["# old workers"]),
    ...old.map((pid, at) => row(pid, "worker", "[was: 1]", `${at + 1}`)),
    "\n",
  ].join("\n");
}

interface Script {
  state: State;
  /** What `reload` does and is answered with. */
  reload(script: Script): ScriptedReply;
  /** Whether a worker answers `show info` through the master. */
  answers?(pid: number): boolean;
}

/** A master that lives in `state`. */
async function startMaster(script: Script) {
  const runtime = await startScriptedRuntime((command) => {
    const worker = Number(/^@!(\d+) show info$/.exec(command)?.[1]);
    if (worker > 0) {
      return (script.answers?.(worker) ?? true)
        ? `Pid: ${worker}\nUptime_sec: 1\n\n`
        : "Can't connect to the target CLI!\n\n";
    }
    if (command === "show proc") return showProc(script.state);
    if (command === "reload") return script.reload(script);
    return "Unknown command\n\n";
  });
  return { socket: openRuntimeSocket(runtime.path), commands: runtime.commands };
}

/** Loads, and answers so. */
function loads(script: Script, answer: ScriptedReply): ScriptedReply {
  script.state = { reloads: script.state.reloads + 1, failed: 0, workers: [2], old: [1] };
  return answer;
}

test("3.x: Success=1 with messages of any length, in any pieces, is loaded", async () => {
  const messages = `[WARNING]  (1) : config : ${"x".repeat(200)}\n`.repeat(1_000);
  const { socket } = await startMaster({
    state: { reloads: 0, failed: 0, workers: [1] },
    reload: (script) => loads(script, ["Succ", "ess=1\n", "--\n", messages, "[NOTICE]   (1) : Loading success.\n\n"]),
  });
  expect(await reloadByMaster(socket, call)).toMatchObject({ result: "loaded", workerPid: 2 });
});

test("3.x: Success=0 is refused in HAProxy's own words, without those it says each time", async () => {
  const { socket, commands } = await startMaster({
    state: { reloads: 0, failed: 0, workers: [1] },
    reload: () =>
      "Success=0\n--\n[NOTICE]   (7) : haproxy version is 3.0.11\n[ALERT]    (7) : config : unknown keyword 'servr'\n[WARNING]  (7) : Loading failure!\n\n",
  });
  expect(await reloadByMaster(socket, call)).toEqual({
    result: "refused",
    says: "[ALERT]    (7) : config : unknown keyword 'servr'\n[WARNING]  (7) : Loading failure!",
  });
  expect(commands.filter((command) => command === "reload")).toHaveLength(1);
});

test("2.7 built without shared memory says no more than Success=0", async () => {
  const { socket } = await startMaster({
    state: { reloads: 0, failed: 0, workers: [1] },
    reload: () => "Success=0\n\n",
  });
  expect(await reloadByMaster(socket, call)).toMatchObject({
    result: "refused",
    says: expect.stringContaining("USE_SHM_OPEN"),
  });
});

test("3.1: while another reload is in progress it is asked for again, and the other one's outcome is not taken for ours", async () => {
  let asked = 0;
  const { socket, commands } = await startMaster({
    // The worker of the other reload is listed from its birth.
    state: { reloads: 1, failed: 0, workers: [5], old: [1] },
    reload(script) {
      asked += 1;
      if (asked < 3) return "Success=0\n--\nAnother reload is still in progress.\n\n";
      return loads(script, "Success=1\n--\n\n");
    },
  });
  expect(await reloadByMaster(socket, call)).toMatchObject({ result: "loaded", workerPid: 2 });
  expect(commands.filter((command) => command === "reload")).toHaveLength(3);
});

test("2.6: a reload that was lost is asked for again", async () => {
  let asked = 0;
  const { socket } = await startMaster({
    state: { reloads: 4, failed: 0, workers: [1] },
    reload(script) {
      asked += 1;
      return asked === 1 ? "" : loads(script, "");
    },
  });
  expect(await reloadByMaster(socket, call)).toMatchObject({ result: "loaded", workerPid: 2 });
  expect(asked).toBe(2);
});

test("2.4: the same worker after the reload is a refusal", async () => {
  const { socket } = await startMaster({
    state: { reloads: 4, workers: [1] },
    reload(script) {
      script.state = { reloads: 5, workers: [1] };
      return "";
    },
  });
  expect((await reloadByMaster(socket, call)).result).toBe("refused");
});

test("3.1: a worker that is listed and does not answer yet is waited for, and may still fail", async () => {
  let looks = 0;
  const script: Script = {
    state: { reloads: 4, failed: 0, workers: [1] },
    reload() {
      script.state = { reloads: 5, failed: 0, workers: [2], old: [1] };
      // The answer is lost.
      return "";
    },
    answers() {
      looks += 1;
      if (looks === 3) script.state = { reloads: 5, failed: 1, workers: [], old: [1] };
      return false;
    },
  };
  const { socket } = await startMaster(script);
  expect((await reloadByMaster(socket, call)).result).toBe("refused");
  expect(looks).toBe(3);
});

test("Success=1 of a worker that never answers is unclear, and names it", async () => {
  const { socket } = await startMaster({
    state: { reloads: 0, failed: 0, workers: [1] },
    reload: (script) => loads(script, "Success=1\n--\n\n"),
    answers: () => false,
  });
  expect(await reloadByMaster(socket, { ...call, timeoutMs: 300 })).toMatchObject({
    result: "unclear",
    says: expect.stringContaining("worker 2 does not answer"),
  });
});

test("a master that was started anew has read the file as well", async () => {
  const { socket } = await startMaster({
    state: { reloads: 9, failed: 0, workers: [1] },
    reload(script) {
      script.state = { reloads: 0, failed: 0, workers: [7], masterPid: 101 };
      return "";
    },
  });
  expect(await reloadByMaster(socket, call)).toMatchObject({ result: "loaded", workerPid: 7 });
});

test("a master that never answers the reload is unclear when the time is over", async () => {
  const { socket } = await startMaster({ state: { reloads: 0, failed: 0, workers: [1] }, reload: () => "hang" });
  expect(await reloadByMaster(socket, { ...call, timeoutMs: 300 })).toMatchObject({
    result: "unclear",
    says: expect.stringContaining("not answered within"),
  });
});

test("a socket that may not reload is an error that says what it needs", async () => {
  const { socket } = await startMaster({
    state: { reloads: 0, failed: 0, workers: [1] },
    reload: () => "Permission denied\n\n",
  });
  await expect(reloadByMaster(socket, call)).rejects.toMatchObject({
    code: "E_HAPROXY",
    hint: expect.stringContaining("level"),
  });
});

test("being told to stop ends the wait with that reason", async () => {
  const { socket } = await startMaster({ state: { reloads: 0, failed: 0, workers: [1] }, reload: () => "hang" });
  const controller = new AbortController();
  const reason = new Error("stop");
  const pending = reloadByMaster(socket, { ...call, signal: controller.signal });
  controller.abort(reason);
  await expect(pending).rejects.toBe(reason);
});

test("an old worker that does not answer is listed without its sessions", async () => {
  const { socket } = await startMaster({
    state: { reloads: 1, failed: 0, workers: [2], old: [1] },
    reload: () => "",
  });
  expect(await readOldWorkers(socket, call)).toMatchObject([{ pid: 1, sessions: undefined }]);
});

/** A worker's own socket, on which these answer one after another, the last one for ever. */
async function startWorkers(workers: readonly { readonly pid: number; readonly uptime: number }[]) {
  let asked = 0;
  const { path } = await startScriptedRuntime(() => {
    const worker = workers[Math.min(asked, workers.length - 1)];
    asked += 1;
    return `Pid: ${worker?.pid}\nUptime_sec: ${worker?.uptime}\n\n`;
  });
  return openRuntimeSocket(path);
}

const agrees = () => Promise.resolve(undefined);

test("in a container every HAProxy has the same pid: a younger one is another one", async () => {
  const socket = await startWorkers([
    { pid: 1, uptime: 90 },
    { pid: 1, uptime: 0 },
  ]);
  const before = { worker: { pid: 1, uptimeSeconds: 90 }, processes: undefined };
  const outcome = await watchReload(before, { socket, clock: systemClock, disagreement: agrees }, call);
  expect(outcome).toMatchObject({ result: "loaded", workerPid: 1 });
});

test("while the old process still answers now and then, the new one is not taken for loaded", async () => {
  const [old, young] = [
    { pid: 1, uptime: 90 },
    { pid: 2, uptime: 0 },
  ];
  const socket = await startWorkers([old, young, old, young, young, old, young, young, young, old, young]);
  let compared = 0;
  const before = { worker: { pid: 1, uptimeSeconds: 90 }, processes: undefined };
  const disagreement = () => {
    compared += 1;
    return Promise.resolve(undefined);
  };
  expect(await watchReload(before, { socket, clock: systemClock, disagreement }, call)).toMatchObject({
    result: "loaded",
    workerPid: 2,
  });
  expect(compared).toBe(4);
});

test("what cannot be read of the new process is waited for, and told when the time is over", async () => {
  const socket = await startWorkers([{ pid: 2, uptime: 0 }]);
  const before = { worker: { pid: 1, uptimeSeconds: 90 }, processes: undefined };
  const disagreement = () => Promise.reject(new Error("show stat was cut"));
  const outcome = await watchReload(before, { socket, clock: systemClock, disagreement }, { ...call, timeoutMs: 100 });
  expect(outcome).toMatchObject({ result: "unclear", says: expect.stringContaining("show stat was cut") });
});

test("with nobody there before, whoever answers afterwards came by the reload", async () => {
  const socket = await startWorkers([{ pid: 2, uptime: 0 }]);
  const before = { worker: undefined, processes: undefined };
  const outcome = await watchReload(before, { socket, clock: systemClock, disagreement: agrees }, call);
  expect(outcome).toMatchObject({ result: "loaded", workerPid: 2 });
});
