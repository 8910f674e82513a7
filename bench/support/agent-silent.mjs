// Clients of an agent port that connect, say nothing, and do not go when they are told to: so many at a time, each
// replaced by a new one after so many ms, evenly.
//
//   node agent-silent.mjs host port clients staysMs
import { connect } from "node:net";

const [host, port, clients, staysMs] = process.argv.slice(2);
const TICK_MS = 5;
/** One address has too few ports for all of them. */
const ADDRESSES = 50;

const sockets = new Array(Number(clients));
const beganMs = performance.now();
let made = 0;

function replaceNext() {
  const at = made % sockets.length;
  sockets[at]?.destroy();
  const localAddress = host.replace(/\d+$/, String(100 + (made % ADDRESSES)));
  // half-open: to be told that there will be no more is no reason to go
  sockets[at] = connect({ host, port: Number(port), localAddress, allowHalfOpen: true }).on("error", () => {});
  made += 1;
}

setInterval(() => {
  const due = ((performance.now() - beganMs) / Number(staysMs)) * sockets.length;
  while (made < due) replaceNext();
}, TICK_MS);
