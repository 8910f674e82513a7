import { expect, test } from "vitest";
import { isLoopback } from "../../../src/stores/consul-transport.ts";

test.each(["localhost", "127.0.0.1", "127.20.3.4", "::1"])("%s is this machine: answers come uncompressed", (host) => {
  expect(isLoopback(host)).toBe(true);
});

test.each(["10.0.0.5", "consul.example", "127.example.com", "fd00::1", "128.0.0.1"])(
  "%s is elsewhere: answers may come compressed",
  (host) => {
    expect(isLoopback(host)).toBe(false);
  },
);
