import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseResource } from "../../../src/config/resource-file.ts";
import { loadResources } from "../../../src/config/resources.ts";
import { AppError } from "../../../src/core/errors.ts";
import { folderWith } from "../../support/program.ts";

function parse(peers: string) {
  const text = `[template]\nsrc = "a"\ndest = "/a"\n[peers]\n${peers}`;
  return parseResource({ file: "conf.d/galera.toml", name: "galera", text, globalPrefix: "" }).peers;
}

function problem(peers: string): AppError {
  try {
    parse(peers);
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error("it was accepted");
}

describe("[peers] of a template resource", () => {
  test("a resource without it has none", () => {
    const text = '[template]\nsrc = "a"\ndest = "/a"\n';
    expect(parseResource({ file: "a.toml", name: "a", text, globalPrefix: "" }).peers).toBeUndefined();
  });

  test("an empty one looks after the local peer, whoever writes it", () => {
    expect(parse("")).toEqual({
      local: undefined,
      announce: undefined,
      members: [],
      instancesFile: undefined,
      table: undefined,
    });
  });

  test("all of it", () => {
    const peers = parse(`
local = "lb1"
announce = "10.0.0.5:10000"
members = ["lb2=10.0.0.6:10000", "lb3=[2001:db8::3]:10001"]
socket_port = 9999
table = "galera"`);
    expect(peers).toEqual({
      local: "lb1",
      announce: { host: "10.0.0.5", port: 10_000, socket: "10.0.0.5:9999" },
      members: [
        { name: "lb2", host: "10.0.0.6", port: 10_000, socket: "10.0.0.6:9999" },
        { name: "lb3", host: "2001:db8::3", port: 10_001, socket: "[2001:db8::3]:9999" },
      ],
      table: "galera",
    });
  });

  test("a port alone is announced with this machine's host name", () => {
    expect(parse('announce = ":10000"')?.announce).toEqual({ host: hostname(), port: 10_000, socket: undefined });
  });

  test("the pods of a StatefulSet are called what is before the first dot", () => {
    const peers = parse('pattern = "haproxy-{n}.haproxy-peers:10000"\ninstances = 2');
    expect(peers?.members).toEqual([
      { name: "haproxy-0", host: "haproxy-0.haproxy-peers", port: 10_000, socket: undefined },
      { name: "haproxy-1", host: "haproxy-1.haproxy-peers", port: 10_000, socket: undefined },
    ]);
  });

  test("their number may be in a file, which is read whenever the configuration is", () => {
    const file = join(folderWith({ instances: "3\n" }), "instances");
    const peers = parse(`pattern = "haproxy-{n}.peers:10000"\ninstances_file = "${file}"`);
    expect(peers?.members.map(({ name }) => name)).toEqual(["haproxy-0", "haproxy-1", "haproxy-2"]);
  });

  test("a list and a pattern add up", () => {
    const peers = parse('members = "dc2=10.2.0.1:10000"\npattern = "lb-{n}:10000"\ninstances = 1');
    expect(peers?.members.map(({ name }) => name)).toEqual(["dc2", "lb-0"]);
  });
});

describe("what is wrong is said with the key, and what it is", () => {
  test.each([
    ['locale = "a"', /\[peers\]: unknown key "locale"/],
    ['local = "lb 1"', /\[peers\] local "lb 1" cannot be a name/],
    ['local = ".lb1"', /local "\.lb1" cannot be a name/],
    ['local = "lb1/../x"', /cannot be a name/],
    ['table = "a b"', /table "a b" cannot be a name/],
    ['announce = "10.0.0.5"', /announce must be host:port \(is "10\.0\.0\.5"\)/],
    ['announce = "2001:db8::1:10000"', /announce must be host:port/],
    ['announce = "10.0.0.5:0"', /announce the port in "10\.0\.0\.5:0" must be from 1 to 65535/],
    ['announce = "10.0.0.5:65536"', /announce the port in/],
    ['announce = ":99999"', /announce the port in/],
    ['announce = "a b:10000"', /announce "a b" in "a b:10000" is neither an IP address nor a host name/],
    ['members = ["10.0.0.5:10000"]', /members must be name=host:port/],
    ['members = ["=10.0.0.5:10000"]', /members "" cannot be a name/],
    ['members = ["l b=10.0.0.5:10000"]', /members "l b" cannot be a name/],
    ['members = ["lb1=10.0.0.5"]', /members must be host:port \(is "10\.0\.0\.5"\)/],
    ['members = ["a=10.0.0.5:1", "a=10.0.0.6:1"]', /there are two called "a": 10\.0\.0\.5:1 and 10\.0\.0\.6:1/],
    ['members = ["a=10.0.0.5:1", "b=10.0.0.5:1"]', /"a" and "b" are both at 10\.0\.0\.5:1/],
    ['members = "lb-0=h:1"\npattern = "lb-{n}:1"\ninstances = 1', /there are two called "lb-0"/],
    ['pattern = "lb-{n}:1"', /pattern needs instances or instances_file/],
    ['pattern = "lb-{m}:1"\ninstances = 1', /pattern must have \{n\} in it/],
    ['pattern = "lb.{n}:1"\ninstances = 2', /there are two called "lb"/],
    ["instances = 3", /pattern is missing: instances says for how many/],
    ['pattern = "lb-{n}:1"\ninstances = 0', /instances must be a whole number from 1 to 100 \(is 0\)/],
    ['pattern = "lb-{n}:1"\ninstances = 101', /from 1 to 100 \(is 101\)/],
    ['pattern = "lb-{n}:1"\ninstances = 1\ninstances_file = "/a"', /say the same thing twice/],
    ['pattern = "lb-{n}:1"\ninstances_file = "a"', /instances_file must be an absolute path/],
    ['pattern = "lb-{n}:1"\ninstances_file = "/no/such/file"', /instances_file \/no\/such\/file cannot be read/],
    ["socket_port = 70000", /socket_port must be a port from 1 to 65535 \(is 70000\)/],
  ])("%s", (peers, says) => {
    const error = problem(peers);
    expect(error.code).toBe("E_CONFIG");
    expect(error.message).toMatch(/^conf\.d\/galera\.toml: \[peers\]/);
    expect(error.message).toMatch(says);
  });

  test("a file that holds something else is not quoted: it may be another secret", () => {
    const file = join(folderWith({ secret: "hunter2" }), "secret");
    const error = problem(`pattern = "lb-{n}:1"\ninstances_file = "${file}"`);
    expect(error.message).toBe(`conf.d/galera.toml: [peers] instances_file ${file} does not hold a whole number`);
    expect(`${error.message}${error.hint}`).not.toContain("hunter2");
  });
});

describe("two resources with an HAProxy each", () => {
  const load = (one: string, two: string) => {
    const file = (name: string, peers: string) => `[template]\nsrc = "a"\ndest = "/${name}"\n[peers]\n${peers}`;
    return loadResources(folderWith({ "conf.d/a.toml": file("a", one), "conf.d/b.toml": file("b", two) }), {
      prefix: "",
    });
  };
  const AT = 'announce = "10.0.0.1:10000"';

  test("the same one at two places is refused", () => {
    for (const local of ['local = "lb1"\n', ""]) {
      expect(() => load(`${local}${AT}`, `${local}announce = "10.0.0.1:10001"`)).toThrow(
        /b\.toml and .*a\.toml announce one HAProxy at two places/,
      );
      expect(() => load(`${local}${AT}`, `${local}${AT}\nsocket_port = 9999`)).toThrow(/two places/);
    }
  });

  test("the same one at one place, two names, and one that is not announced are fine", () => {
    expect(load(AT, AT)).toHaveLength(2);
    expect(load(`local = "lb1"\n${AT}`, 'local = "lb2"\nannounce = "10.0.0.1:10001"')).toHaveLength(2);
    expect(load(AT, "")).toHaveLength(2);
  });
});
