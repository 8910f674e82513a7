// The floor of the agent benchmark: the least a program can do to answer HAProxy's agent-check with nothing but Node. It
// writes a constant and ends, at once or (third argument `line`) when a line has come. It knows no limits and no times.
// One port further it says what it counted: answers given, connections open.
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";

const [host, port, when] = process.argv.slice(2);
let answered = 0;

function answer(socket) {
  answered += 1;
  socket.end("up\n");
}

function onConnection(socket) {
  socket.on("error", () => {});
  if (when !== "line") {
    answer(socket);
    return;
  }
  socket.on("data", (chunk) => {
    if (chunk.includes("\n")) answer(socket);
  });
}

const server = createServer(onConnection).listen({ host, port: Number(port), backlog: 4_096 });
createHttpServer((_, response) => {
  server.getConnections((_, open) => response.end(JSON.stringify({ answered, open })));
}).listen({ host, port: Number(port) + 1 });
