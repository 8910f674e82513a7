import { existsSync } from "node:fs";
import { eventually } from "./eventually.ts";
import { launch } from "./launch.ts";

/** The socket of a process that was killed: it is there, and nobody listens on it. */
export async function abandonedSocket(path: string): Promise<void> {
  const holder = launch(process.execPath, ["-e", `require("node:net").createServer().listen(process.argv[1])`, path], {
    endWith: "SIGKILL",
  });
  await eventually("somebody listens", () => existsSync(path));
  await holder.kill();
}
