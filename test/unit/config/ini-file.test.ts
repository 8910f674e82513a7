import { describe, expect, test } from "vitest";
import { parseIni } from "../../../src/config/ini-file.ts";

function passwordIn(line: string): string | undefined {
  return parseIni(`[slave3301]\n${line}\n`, "db.conf").get("slave3301")?.["password"];
}

// Each as Config::IniFiles 3.000003, by which the replaced checkers read db.conf, was seen to read it.
describe("a value is what stands behind the first =, as it is", () => {
  test.each([
    ["password=plain", "plain"],
    ["  password  =  plain", "plain"],
    ["password=a#b;c", "a#b;c"],
    ["password = #only", "#only"],
    ["password = ;only", ";only"],
    ["password = x ; no comment", "x ; no comment"],
    ["password = a = b == c", "a = b == c"],
    ['password="quoted"', '"quoted"'],
    ["password='single'", "'single'"],
    ['password = "q" # x', '"q" # x'],
    ["password=back\\slash\\", "back\\slash\\"],
    ["password=end with spaces  ", "end with spaces  "],
    ["password=true", "true"],
    ["password=", ""],
  ])("%s", (line, value) => {
    expect(passwordIn(line)).toBe(value);
  });
});

test("comments are whole lines, sections of one name are one, a dot in a name is a dot, Windows' line ends are none", () => {
  const text = "; a\n # b\n[ slave.1 ]\r\nhost=a\r\n\r\n[other]\n[slave.1]\nport=1\n[slave]\n";
  expect(Object.fromEntries(parseIni(text, "db.conf"))).toEqual({
    "slave.1": { host: "a", port: "1" },
    other: {},
    slave: {},
  });
});

describe("what cannot be read names the file and the line, and shows nothing of what may be a password", () => {
  test.each([
    ["[s]\nsecret", "db.conf:2: neither a [section] nor a key = value nor a comment"],
    ["[s]\n=secret", "db.conf:2: neither a [section] nor a key = value nor a comment"],
    ["[s\n", "db.conf:1: neither a [section] nor a key = value nor a comment"],
    ["[s] ; secret", "db.conf:1: neither a [section] nor a key = value nor a comment"],
    ["host=secret", 'db.conf:1: "host" stands before the first [section]'],
    ["[s]\npassword=secret\npassword=secret", 'db.conf:3: "password" stands twice in its section'],
  ])("%j", (text, message) => {
    expect(() => parseIni(text, "db.conf")).toThrow(expect.objectContaining({ code: "E_CONFIG", message }));
  });
});
