import { describe, expect, test } from "vitest";
import { requestText } from "../../../src/stores/http-request.ts";

describe("writing a request", () => {
  test("without a body it ends behind its headers", () => {
    const request = { method: "GET", path: "/v1/kv/a?recurse", headers: { Host: "[::1]:8500", "X-Consul-Token": "t" } };
    expect(requestText(request)).toBe("GET /v1/kv/a?recurse HTTP/1.1\r\nHost: [::1]:8500\r\nX-Consul-Token: t\r\n\r\n");
  });

  test("the length of a body is counted in bytes, and an empty one is said to be empty", () => {
    const request = { method: "PUT", path: "/a", headers: {} };
    expect(requestText({ ...request, body: "é€" })).toBe("PUT /a HTTP/1.1\r\nContent-Length: 5\r\n\r\né€");
    expect(requestText({ ...request, body: "" })).toBe("PUT /a HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
  });

  test.each(["", "a", "/a b", "/a\r\nX: y", "/a\n", "/é", "/a\0", "/a HTTP/1.0"])("the path %j is refused", (path) => {
    expect(() => requestText({ method: "GET", path, headers: {} })).toThrow(
      expect.objectContaining({ code: "E_INTERNAL" }),
    );
  });

  test.each(["a\r\nX: y", "a\n", "a\r", "a\0", "a\x7f", "é"])(
    "a header with the value %j is refused unseen",
    (value) => {
      const attempt = () => requestText({ method: "GET", path: "/", headers: { "X-Consul-Token": `s3cret${value}` } });
      expect(attempt).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
      expect(attempt).not.toThrow("s3cret");
    },
  );
});
