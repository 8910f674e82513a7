import { expect, test } from "vitest";
import { dialectOf } from "../../../checkers/mysql/dialect.ts";

test.each([
  ["8.4.3", "SHOW REPLICA STATUS", "SHOW REPLICAS"],
  ["9.1.0-commercial", "SHOW REPLICA STATUS", "SHOW REPLICAS"],
  ["8.0.22", "SHOW REPLICA STATUS", "SHOW REPLICAS"],
  ["8.0.36-28.1", "SHOW REPLICA STATUS", "SHOW REPLICAS"],
  ["8.0.21", "SHOW SLAVE STATUS", "SHOW SLAVE HOSTS"],
  ["5.7.44-log", "SHOW SLAVE STATUS", "SHOW SLAVE HOSTS"],
  ["10.11.6-MariaDB-0+deb12u1-log", "SHOW ALL SLAVES STATUS", "SHOW SLAVE HOSTS"],
  ["11.4.2-MariaDB", "SHOW ALL SLAVES STATUS", "SHOW SLAVE HOSTS"],
  ["5.5.5-10.4.32-MariaDB", "SHOW ALL SLAVES STATUS", "SHOW SLAVE HOSTS"],
])("%s is asked with %s and %s", (version, showStatus, showReplicas) => {
  expect(dialectOf(version)).toMatchObject({ showStatus, showReplicas });
});

test.each([
  ["8.4.3", "REPLICATION SLAVE"],
  ["5.7.44", "REPLICATION SLAVE"],
  ["10.11.6-MariaDB", "REPLICATION MASTER ADMIN"],
  ["10.5.2-MariaDB", "REPLICATION MASTER ADMIN"],
  ["10.4.32-MariaDB", "REPLICATION SLAVE"],
  ["5.5.5-10.4.32-MariaDB", "REPLICATION SLAVE"],
])("%s lists replicas for users with %s", (version, replicasGrant) => {
  expect(dialectOf(version)).toMatchObject({ replicasGrant });
});

test("only MySQL is asked for a UUID, which MariaDB does not have", () => {
  expect(dialectOf("8.4.3").selectIdentity).toContain("@@server_uuid");
  expect(dialectOf("10.11.6-MariaDB").selectIdentity).not.toContain("@@server_uuid");
});
