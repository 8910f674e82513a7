import { systemClock } from "../../src/lib/system-clock.ts";
import { openStore } from "../../src/stores/open.ts";
import { createCaptureLogger } from "../support/capture-logger.ts";

/**
 * A process of its own for store-files-processes.test.ts: adds 1 to the number in the key `n`, `times` times,
 * each by check-and-set. Prints a line when it has begun, and how many it lost to others at the end.
 */
const [folder = "", times = "0"] = process.argv.slice(2);
const store = await openStore({ type: "file", path: folder }, { clock: systemClock, logger: createCaptureLogger() });
const call = { signal: new AbortController().signal };
let lost = 0;
process.stdout.write("begun\n");
for (let done = 0; done < Number(times); ) {
  const pair = await store.get("n", call);
  const next = String(Number(pair?.value ?? "0") + 1);
  if (await store.put("n", next, { ...call, ifIndex: pair?.index ?? "0" })) done += 1;
  else lost += 1;
}
process.stdout.write(`lost ${lost}\n`);
await store.close();
