import { describe, expect, test } from "vitest";
import { textOf } from "../../../../checkers/http/asking-options.ts";
import { http } from "../../../../checkers/http.ts";
import { serviceContext } from "../../../support/service-context.ts";

const discover = { signal: new AbortController().signal };

describe("options that cannot work are refused in one line:", () => {
  test.each([
    [{}, "--url must name a URL"],
    [{ url: "localhost:80" }, '--url: "localhost:80" is not a URL of HTTP'],
    [{ url: "http://h/a,b" }, '--url: "b" is not a URL of HTTP'],
    [{ url: "http://u:p@h/" }, "--url: a password does not belong into a URL"],
    [{ url: "http://h:80/a,http://h/b" }, "--url: h:80 is named twice"],
    [{ url: "http://h:81/a,http://h:82/a", "server-port": 80 }, "--url: h:80 is named twice"],
    [{ url: "http://h/", up: "2xx" }, '--up: "2xx" is no status code'],
    [{ url: "http://h/", up: "299-200" }, '--up: "299-200" is no status code'],
    [{ url: "http://h/", drain: "5" }, '--drain: "5" is no status code'],
    [{ url: "http://h/", unknown: "401;403" }, '--unknown: "401;403" is no status code'],
    [{ url: "http://h/", "state-path": "a..b" }, '--state-path: "a..b" is no path'],
    [{ url: "http://h/", "maxconn-path": "" }, '--maxconn-path: "" is no path'],
    [{ url: "http://h/", "weight-by": "load:2" }, '--weight-by: "load:2" is not understood'],
    [{ url: "http://h/", "server-port": 70_000 }, "--server-port must be a port from 1 to 65535"],
    [{ url: "http://h/", header: "no colon" }, "header: write Name: value"],
    [{ url: "http://h/", header: "Accept: a\u0000b" }, "header: write Name: value"],
    [{ url: "http://h/", "ssl-ca": "/no/such/file" }, "--ssl-ca: cannot read /no/such/file"],
  ])("%j", (options, message) => {
    expect(() => http.create(options, serviceContext())).toThrow(expect.objectContaining({ message }));
  });

  test("a password in a URL that is otherwise wrong is not shown", () => {
    expect(() => http.create({ url: "ftp://user:secret@h/" }, serviceContext())).toThrow(/^(?!.*secret)/);
  });

  test("a header's value is not shown", () => {
    expect(() => http.create({ url: "http://h/", header: "sécret" }, serviceContext())).toThrow(/^(?!.*cret)/);
  });
});

describe("the servers", () => {
  test.each([
    ["http://h/x", [{ host: "h", port: 80 }]],
    ["https://h/x", [{ host: "h", port: 443 }]],
    [
      "http://10.0.0.5:8080/x, http://[fd00::5]:81/x",
      [
        { host: "10.0.0.5", port: 8_080 },
        { host: "fd00::5", port: 81 },
      ],
    ],
  ])("of %s are those of the URLs, in their order", async (url, targets) => {
    expect(await http.create({ url }, serviceContext()).discover(discover)).toEqual(targets);
  });

  test("may take clients on another port than the one that is asked", async () => {
    const service = http.create({ url: "http://a:81/x,http://b:82/x", "server-port": 443 }, serviceContext());
    expect(await service.discover(discover)).toEqual([
      { host: "a", port: 443 },
      { host: "b", port: 443 },
    ]);
  });
});

test("an option that was not given is what its default says", () => {
  const specs = [{ name: "up", type: "string", default: "200", description: "" }] as const;
  expect(textOf(specs, {}, "up")).toBe("200");
  expect(textOf(specs, { up: "" }, "up")).toBe("");
  expect(textOf(specs, {}, "other")).toBe("");
});
