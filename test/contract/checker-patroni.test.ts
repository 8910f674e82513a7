import { patroni } from "../../checkers/patroni.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { startScriptedPatroni } from "../support/patroni-rest.ts";
import { startPgbouncer } from "../support/pgbouncer.ts";
import { startPostgres } from "../support/postgres.ts";
import { serviceContext } from "../support/service-context.ts";
import { checkerContract } from "./checker.ts";

// Patroni says yes all the time, so what is found is found of the server.
const rest = await startScriptedPatroni();
const behind = await startPostgres({ address: `${await loopbackPrefix()}.2` });

checkerContract("patroni", {
  open: (target) =>
    patroni.create({ server: [target], "patroni-port": rest.port, user: "postgres" }, serviceContext()).open(target),
  start: async () => startPgbouncer({ address: `${await loopbackPrefix()}.3`, upstream: behind }),
  who: "the server: ",
  // AuthenticationRequest (PostgreSQL, "Message Formats"): 32 bytes of zeros, sent too slowly
  beginning: Buffer.from([0x52, 0x00, 0x00, 0x00, 0x20, 0x00]),
});
