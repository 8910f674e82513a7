// The floor of the propagation and storm benchmarks: the least a program can do to bring Consul's KV into a
// file with nothing but Node. A blocking query over node:http, JSON.parse, string concatenation, write,
// rename. No library, no check, no quiet time, no error handling; an fsync only if the fifth argument says so.
import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";

const [host, port, prefix, dest, durable] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true });
let index = 0;

function query() {
  const path = `/v1/kv/${prefix}?recurse&index=${index}&wait=300s`;
  get({ host, port, path, agent }, (response) => {
    const chunks = [];
    response.on("data", (chunk) => chunks.push(chunk));
    response.on("end", () => {
      index = Number(response.headers["x-consul-index"]);
      let text = "";
      for (const { Value } of JSON.parse(Buffer.concat(chunks).toString("utf8"))) {
        const entry = JSON.parse(Buffer.from(Value, "base64").toString("utf8"));
        text += `listen ${entry.name}\n  bind *:${entry.proxyport}\n  server ${entry.name}-memcached ${entry.host}:${entry.port} check\n`;
      }
      const file = openSync(`${dest}.tmp`, "w");
      writeFileSync(file, text);
      if (durable === "fsync") fsyncSync(file);
      closeSync(file);
      renameSync(`${dest}.tmp`, dest);
      query();
    });
  });
}

query();
