import { expect, test } from "vitest";
import { stillLearning } from "../../../src/haproxy/learning.ts";

const head = (flags: string, more = "", name = "lbs") =>
  `0x55de4d6d0ff0: [21/Nov/2026:14:13:50] id=${name} disabled=0 ${more}flags=${flags} resync_timeout=3s task_calls=1
  0x55de4d6d1180: id=lb1(local,inactive) addr=10.0.0.1:10000 last_status=NONE last_hdshk=<NEVER>
        reconnect=<NEVER> heartbeat=<NEVER> confirm=0 tx_hbt=0 rx_hbt=0 no_hbt=0 new_conn=0 proto_err=0 coll=0
        flags=0x0
`;

test.each([
  ["waits for the process before it", head("0x0"), ["lbs"]],
  ["waits for its peers", head("0x11"), ["lbs"]],
  ["2.6 has learned", head("0x33"), []],
  ["2.6 has learned from its peers", head("0x6833"), []],
  ["3.0 has learned", head("0x28b00003"), []],
  ["older ones tell their state besides", head("0x1", "state=0 "), ["lbs"]],
  ["one of two", head("0x33") + head("0x0", "", "more"), ["more"]],
  ["it has no peers", "", []],
  ["a section that is disabled learns nothing", head("0x0").replace("disabled=0", "disabled=1"), []],
])("%s", (_, text, learning) => {
  expect(stillLearning(text)).toEqual(learning);
});
