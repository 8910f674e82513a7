import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { systemClock } from "../../src/lib/system-clock.ts";
import { openStore } from "../../src/stores/open.ts";
import { createCaptureLogger } from "../support/capture-logger.ts";
import { tempDir } from "../support/temp-dir.ts";
import { storeContract } from "./store.ts";

storeContract("a folder of files", async () => {
  const root = join(tempDir("files"), "entries");
  mkdirSync(root);
  const open = () => openStore({ type: "file", path: root }, { clock: systemClock, logger: createCaptureLogger() });
  return {
    store: await open(),
    other: open,
    async putByHand(key, value) {
      const path = join(root, key);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, `${value}\n`);
    },
    async destroy() {
      rmSync(root, { recursive: true });
    },
  };
});
