import { describe, expect, test } from "vitest";
import { readRefusal } from "../../../../checkers/patroni/refusal.ts";

describe("an error of the server speaks of", () => {
  test.each([
    ["28P01", 'password authentication failed for user "a"', "login"],
    ["28000", 'no pg_hba.conf entry for host "10.0.0.1"', "login"],
    ["3D000", 'database "a" does not exist', "login"],
    ["42501", "permission denied for function pg_is_in_recovery", "login"],
    ["53300", "sorry, too many clients already", "full"],
    ["57P03", "the database system is starting up", "server"],
    ["57P01", "terminating connection due to administrator command", "server"],
    ["XX000", "anything else", "server"],
    // PgBouncer: one code for all
    ["08P01", "no such user: a", "login"],
    ["08P01", "no such database: a", "login"],
    ["08P01", "password authentication failed", "login"],
    ["08P01", "SASL authentication failed", "login"],
    ["08P01", "bouncer config error, auth failed", "login"],
    ["08P01", "unsupported startup parameter: a", "login"],
    ["08P01", "no more connections allowed (max_client_conn)", "full"],
    ["08P01", "client connections exceeded (max_db_client_connections)", "full"],
    ["08P01", "query_wait_timeout", "server"],
    ["08P01", "client_login_timeout (server down)", "server"],
    ["08P01", "server login has been failing, try again later (server_login_retry)", "server"],
    ["08P01", "server login has been failing, cached error: connect failed (server_login_retry)", "server"],
    ["08P01", 'database "a" is disabled', "server"],
    ["08P01", "pooler is shutting down", "server"],
    ["08P01", "server conn crashed?", "server"],
  ])("%s %s: the %s", (code, message, about) => {
    expect(readRefusal({ code, message }).about).toBe(about);
  });
});
