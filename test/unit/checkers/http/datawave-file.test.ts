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

const USUAL = "ConnectionUsagePercent/100:0.7,SystemLoad:0.4,SwapBytesUsed>0:0.3";

/** A file with these keys for the poller. */
function poller(keys: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>> {
  return readDatawaveFile(JSON.stringify({ dw_health_poller: keys }));
}

test("the DataWave agent's example is read whole", async () => {
  expect(await readDatawaveFile(EXAMPLE)).toEqual({
    "agent-bind": "*",
    "agent-port": 5_555,
    url: "http://localhost:8080/DataWave/Common/Health/health",
    timeout: 10,
    interval: 1,
    "on-refused": "down",
    "on-503": "drain",
    "weight-by": "ConnectionUsagePercent/100:0.7,SystemLoad:0.4,SwapBytesUsed>0:0",
    "stale-after": 86_400,
  });
});

test.each(["", "# nothing", "dw_health_poller:", "bind:\nport:\ndw_health_poller: {interval: }"])(
  "what is left out has the defaults of its agent: %j",
  async (text) => {
    expect(await readDatawaveFile(text)).toEqual({ "weight-by": USUAL });
  },
);

test("numbers with a point, and 0.0 for an interval, are read as they are", async () => {
  expect(await readDatawaveFile("dw_health_poller: {interval: 0.0, check_timeout: 2.5}")).toMatchObject({
    interval: 0,
    timeout: 2.5,
  });
});

test.each([
  ["127.0.0.1", "127.0.0.1"],
  ["", "*"],
  ["::", "::"],
])("bind %j is %j", async (bind, expected) => {
  expect(await readDatawaveFile(JSON.stringify({ bind }))).toMatchObject({ "agent-bind": expected });
});

test("a comma in the URL begins no second one", async () => {
  expect(await poller({ check_url: "http://h/x?a=1,2" })).toMatchObject({ url: "http://h/x?a=1%2C2" });
});

test("a reduction of many digits, or next to nothing, is written without an exponent", async () => {
  expect(await poller({ os_load_reduction: 1e-7, swap_usage_reduction: 1 / 3 })).toMatchObject({
    "weight-by": "ConnectionUsagePercent/100:0.7,SystemLoad:0,SwapBytesUsed>0:0.333333",
  });
});

describe.each([
  ["unavailable_response", "on-503"],
  ["down_response", "on-refused"],
])("%s", (key, option) => {
  test.each([
    ["down", "down"],
    ["down #gone", "down"],
    ["stopped", "down"],
    ["0% down", "down"],
    ["0% drain", "drain"],
    ["0% drain up", "drain"],
    ["maint", "drain"],
    ["0%", "drain"],
    ["", "unknown"],
    ["#nothing", "unknown"],
  ])("%j means %s", async (line, state) => {
    expect(await poller({ [key]: line })).toMatchObject({ [option]: state });
  });

  test.each(["up", "ready", "50%", "maxconn:5"])("%j is refused: it would keep new queries there", async (line) => {
    await expect(poller({ [key]: line })).rejects.toThrow(
      `${key}: "${line}" would keep new queries on a server that does not take them`,
    );
  });
});

describe("staleness", () => {
  test("has the words that the file has for it, or none: no opinion", async () => {
    expect(await poller({ staleness_interval: 30, staleness_response: "down #old" })).toMatchObject({
      "stale-after": 30,
      "on-stale": "down #old",
    });
    expect(await poller({ staleness_interval: 30 })).toMatchObject({ "stale-after": 30, "on-stale": "" });
  });

  test("that is off is never told", async () => {
    expect(await poller({ staleness_interval: 0, staleness_response: "down" })).toMatchObject({
      "stale-after": 86_400,
    });
  });

  test("that comes before the next answer is due is refused", async () => {
    await expect(poller({ staleness_interval: 1 })).rejects.toThrow(
      "staleness_interval must be longer than interval (is 1): every answer would be stale",
    );
    expect(await poller({ staleness_interval: 1, interval: 0 })).toMatchObject({ "stale-after": 1 });
  });
});

describe("what is wrong in it is told by its key:", () => {
  test.each([
    ["prot: 1", 'unknown key "prot"; did you mean port?'],
    ["dw_health_poller: {check_ulr: x}", 'unknown key "check_ulr"; did you mean check_url?'],
    ["dw_health_poller: {toString: x}", 'unknown key "toString"'],
    ["dw_health_poller: 5", "dw_health_poller must have keys and values"],
    ["- a", "it is not a YAML document of keys and values"],
    ["bind: [", /^it is not YAML: [^\n]+ at line 1, column 8$/],
    ["bind: 5", "bind must be a text (is 5)"],
    ["port: '5555'", 'port must be a number from 0 (is "5555")'],
    ["dw_health_poller: {interval: soon}", 'interval must be a number from 0 (is "soon")'],
    ["dw_health_poller: {interval: -1}", "interval must be a number from 0 (is -1)"],
    ["dw_health_poller: {stop_timeout: soon}", 'stop_timeout must be a number from 0 (is "soon")'],
    ["dw_health_poller: {os_load_reduction: 1.5}", "os_load_reduction must be a number from 0 to 1 (is 1.5)"],
    ["dw_health_poller: {unavailable_response: 'drian'}", 'unavailable_response: HAProxy does not understand "drian"'],
  ])("%s", async (text, message) => {
    await expect(readDatawaveFile(text)).rejects.toThrow(message);
  });
});
