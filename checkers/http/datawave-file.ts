import { parseReply } from "../../src/core/agent-grammar.ts";
import { nearest } from "../../src/lib/nearest.ts";

type Table = Readonly<Record<string, unknown>>;

/** The DataWave agent's own defaults for its three reductions (its example_config.yml). */
const REDUCTIONS = {
  connection_usage_reduction: { by: "ConnectionUsagePercent/100", usual: 0.7 },
  os_load_reduction: { by: "SystemLoad", usual: 0.4 },
  swap_usage_reduction: { by: "SwapBytesUsed>0", usual: 0.3 },
} as const;

/** How each other key becomes an option. Throws an Error, in words. */
const READERS: Readonly<Record<string, (value: unknown, key: string) => Table>> = {
  check_url: (value) => ({ url: String(value) }),
  check_timeout: (value, key) => ({ timeout: numberOf(value, key) }),
  interval: (value, key) => ({ interval: numberOf(value, key) }),
  down_response: (value, key) => expect(value, key, "down"),
  unavailable_response: (value, key) => ({ "on-503": stateOf(String(value), key) }),
  // 0: never stale. A day is as good as never, and shorter than what a timer can count.
  staleness_interval: (value, key) => ({ "stale-after": numberOf(value, key) || 86_400 }),
  staleness_response: (value) => ({ "on-stale": String(value ?? "") }),
  // How long answers under way may take to finish when it ends; here they take a moment at most.
  stop_timeout(value, key) {
    numberOf(value, key);
    return {};
  },
};

/** The configuration file of the DataWave agent, as it is, as option values. Throws an Error that says what is wrong. */
export async function readDatawaveFile(text: string): Promise<Table> {
  const { parse } = await import("yaml");
  const document: unknown = parse(text) ?? {};
  if (!isTable(document)) throw new Error("it is not a YAML document of keys and values");
  const { bind, port, dw_health_poller: poller = {}, ...others } = document;
  rejectOthers(others, ["bind", "port", "dw_health_poller"]);
  if (poller !== null && !isTable(poller)) throw new Error("dw_health_poller must have keys and values");
  return {
    ...(bind === undefined ? {} : { "agent-bind": bind === "0.0.0.0" ? "*" : String(bind) }),
    ...(port === undefined ? {} : { "agent-port": numberOf(port, "port") }),
    ...readPoller(poller ?? {}),
  };
}

function readPoller(poller: Table): Table {
  const known = [...Object.keys(READERS), ...Object.keys(REDUCTIONS)];
  rejectOthers(Object.fromEntries(Object.entries(poller).filter(([key]) => !known.includes(key))), known);
  let values: Table = {};
  for (const [key, value] of Object.entries(poller)) values = { ...values, ...READERS[key]?.(value, key) };
  const weights = Object.entries(REDUCTIONS).map(
    ([key, { by, usual }]) => `${by}:${poller[key] === undefined ? usual : numberOf(poller[key], key)}`,
  );
  return { ...values, "weight-by": weights.join(",") };
}

function rejectOthers(others: Table, known: readonly string[]): void {
  const [key] = Object.keys(others);
  if (key === undefined) return;
  const close = nearest(key, known);
  throw new Error(`unknown key "${key}"${close === undefined ? "" : `; did you mean ${close}?`}`);
}

/** Whole numbers too, where the original insists on a point in them. */
function numberOf(value: unknown, key: string): number {
  if (typeof value === "number" && value >= 0) return value;
  throw new Error(`${key} must be a number from 0 (is ${JSON.stringify(value)})`);
}

/** What a line of HAProxy's agent-check protocol means for the server. */
function stateOf(line: string, key: string): "drain" | "down" | "unknown" {
  const { health, admin, weightPercent, unknown } = parseReply(line);
  if (unknown.length > 0) throw new Error(`${key}: HAProxy does not understand "${unknown[0]}"`);
  if (admin === "drain" || admin === "maint" || weightPercent === 0) return "drain";
  if (health === undefined) return "unknown";
  if (health === "up") throw new Error(`${key}: "${line}" would send traffic to a server that does not want it`);
  return "down";
}

function expect(value: unknown, key: string, wanted: string): Table {
  const state = stateOf(String(value), key);
  if (state !== wanted)
    throw new Error(`${key}: a server that refuses connections is ${wanted}; "${value}" is not taken`);
  return {};
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
