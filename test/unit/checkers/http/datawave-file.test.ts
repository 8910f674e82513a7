import { describe, expect, test } from "vitest";
import { readDatawaveFile } from "../../../../checkers/http/datawave-file.ts";

/** Every key of the agent's own example, with its values; whole numbers where it insists on a point. */
const EXAMPLE = `
bind: 0.0.0.0
port: 5555
dw_health_poller:
  check_url: "http://localhost:8080/DataWave/Common/Health/health"
  check_timeout: 10
  interval: 1
  down_response: "down"
  unavailable_response: "0% drain"
  connection_usage_reduction: 0.7
  os_load_reduction: 0.4
  swap_usage_reduction: 0
  staleness_interval: 0
  staleness_response: ''
  stop_timeout: 0
`;

test("the DataWave agent's example is read whole", async () => {
  expect(await readDatawaveFile(EXAMPLE)).toEqual({
    "agent-bind": "*",
    "agent-port": 5_555,
    url: "http://localhost:8080/DataWave/Common/Health/health",
    timeout: 10,
    interval: 1,
    "on-503": "drain",
    "weight-by": "ConnectionUsagePercent/100:0.7,SystemLoad:0.4,SwapBytesUsed>0:0",
    "stale-after": 86_400,
    "on-stale": "",
  });
});

test("what it leaves out has the defaults of its agent", async () => {
  expect(await readDatawaveFile("")).toEqual({
    "weight-by": "ConnectionUsagePercent/100:0.7,SystemLoad:0.4,SwapBytesUsed>0:0.3",
  });
});

test.each([
  ["down", "down"],
  ["0% drain up", "drain"],
  ["maint", "drain"],
  ["0%", "drain"],
  ["", "unknown"],
  ["stopped #full", "down"],
])("unavailable_response %j means %s", async (line, state) => {
  const text = JSON.stringify({ dw_health_poller: { unavailable_response: line } });
  expect(await readDatawaveFile(text)).toMatchObject({ "on-503": state });
});

describe("what is wrong in it is told by its key:", () => {
  test.each([
    ["prot: 1", 'unknown key "prot"; did you mean port?'],
    ["dw_health_poller: {check_ulr: x}", 'unknown key "check_ulr"; did you mean check_url?'],
    ["dw_health_poller: 5", "dw_health_poller must have keys and values"],
    ["- a", "it is not a YAML document of keys and values"],
    ["dw_health_poller: {interval: soon}", 'interval must be a number from 0 (is "soon")'],
    ["dw_health_poller: {unavailable_response: 'drian'}", 'unavailable_response: HAProxy does not understand "drian"'],
    [
      "dw_health_poller: {unavailable_response: 'up'}",
      'unavailable_response: "up" would send traffic to a server that does not want it',
    ],
    [
      "dw_health_poller: {down_response: 'drain'}",
      'down_response: a server that refuses connections is down; "drain" is not taken',
    ],
  ])("%s", async (text, message) => {
    await expect(readDatawaveFile(text)).rejects.toThrow(message);
  });
});
