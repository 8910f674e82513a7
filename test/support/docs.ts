import { readFileSync } from "node:fs";
import { join } from "node:path";
import { launch } from "./launch.ts";
import { folderWith } from "./program.ts";

/** The fenced blocks of one language ("" for none) on a page under `docs/`, in order. */
export function docBlocks(page: string, language: string): readonly string[] {
  const text = readFileSync(join(import.meta.dirname, "../../docs", page), "utf8");
  const blocks = [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)];
  return blocks.filter(([, of]) => of === language).map(([, , block = ""]) => block);
}

/** Whether HAProxy takes it without a warning, beside a listener of ours: `accepted`, else what it says. */
export async function haproxyAccepts(config: string): Promise<string> {
  const door =
    "listen door\n    mode tcp\n    bind 127.0.0.1:1\n    timeout client 1s\n    timeout connect 1s\n    timeout server 1s\n";
  const dir = folderWith({ "haproxy.cfg": `${config}\n${door}` });
  const haproxy = launch("haproxy", ["-c", "-f", join(dir, "haproxy.cfg")]);
  const { code } = await haproxy.exited;
  return code === 0 && !haproxy.stderr().includes("WARNING") ? "accepted" : haproxy.stderr();
}
