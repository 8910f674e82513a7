// A region server's life sign, in a process of its own so that it can be killed: an ephemeral znode.
//   node region-server.mjs <host:port of ZooKeeper> <session ms> <path>...
import zookeeper from "node-zookeeper-client";

const [where, sessionMs, ...paths] = process.argv.slice(2);
const client = zookeeper.createClient(where, { sessionTimeout: Number(sessionMs) });
client.once("connected", () => {
  let left = paths.length;
  for (const path of paths) {
    client.create(path, Buffer.from("PBUF"), zookeeper.CreateMode.EPHEMERAL, (error) => {
      if (error) throw error;
      left -= 1;
      if (left === 0) process.stdout.write("alive\n");
    });
  }
});
client.connect();
