import { describe, expect, test } from "vitest";
import { addServer, deleteServer, setAddress, setWeight } from "../../../src/haproxy/steps.ts";

const about = { backend: "web", server: "a" };
const step = setAddress(about, { ip: "10.0.0.1", port: 80 }, { ip: "10.0.0.2", port: 90 });
const BY = " by 'stats socket command'";

describe("what HAProxy answers to a new address", () => {
  test.each([
    // 2.4 to 2.8
    `IP changed from '10.0.0.1' to '10.0.0.2', port changed from '80' to '90'${BY}`,
    `IP changed from '10.0.0.1' to '10.0.0.2', no need to change the port${BY}`,
    `no need to change the addr, port changed from '80' to '90'${BY}`,
    `no need to change the addr, no need to change the port${BY}`,
    // A port that depended on the client's until now.
    `no need to change the addr, port changed from '+0' to '90'${BY}`,
    // 3.0 and later
    `IP changed from '10.0.0.1' to '10.0.0.2'${BY}`,
    `port changed from '80' to '90'${BY}`,
    "nothing changed",
  ])("%s: done", (reply) => {
    expect(step.isDone(reply)).toBe(true);
  });

  test.each([
    "",
    `IP changed from '10.0.0.1' to '10.0.0.22', port changed from '80' to '90'${BY}`,
    `IP changed from '10.0.0.1' to '10.0.0.2', port changed from '80' to '91'${BY}`,
    `IP changed from '10.0.0.1' to '10.0.0.2', problem converting port 'x' to an int${BY}`,
    `Invalid addr '10.0.0.2'${BY}`,
    `no need to change the port${BY}, no need to change the addr${BY}`,
    "Update for the current server address family is only supported through configuration file by 'stats socket command'",
    ...["No such server.", "No such backend.", "Proxy is disabled.", "Permission denied", "Unknown command: 'set'"],
  ])("%s: not done", (reply) => {
    expect(step.isDone(reply)).toBe(false);
  });
});

test("a command that is done is answered with nothing", () => {
  expect(setWeight(about, 1, 2).isDone("")).toBe(true);
  expect(setWeight(about, 1, 2).isDone("Backend is using a static LB algorithm …")).toBe(false);
});

test("a server that is added or deleted is said to be", () => {
  const [added] = addServer(about, ["10.0.0.1:80"], { hasCheck: false, hasAgent: false, isDisabled: true });
  expect(added?.isDone("New server registered.")).toBe(true);
  expect(added?.isDone("Already exists a server with the same name in backend.")).toBe(false);
  expect(deleteServer(about).isDone("Server deleted.")).toBe(true);
  expect(deleteServer(about).isDone("")).toBe(false);
});
