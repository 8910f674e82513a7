import { join } from "node:path";
import { expect, test } from "vitest";
import { readConfSection } from "../../../src/config/conf-section.ts";
import type { OptionSpec } from "../../../src/core/option.ts";
import { folderWith } from "../../support/program.ts";

const OPTIONS: readonly OptionSpec[] = [
  { name: "host", type: "string", description: "" },
  { name: "port", type: "integer", description: "" },
  { name: "ssl-ca", type: "string", description: "" },
  { name: "password", type: "string", description: "", secret: true },
];

function read(text: string, tag = "slave3301") {
  const file = join(folderWith({ "db.conf": text }), "db.conf");
  return readConfSection(file, tag, OPTIONS);
}

test("the replaced checker's own sample is understood: what was for its driver alone is left out", () => {
  const text = `[slave3301]
database=information_schema
host=10.0.21.5
port=3301
password=xxxxxx
default-character-set=utf8
[slave3302]
host=10.0.21.7
`;
  expect(read(text).values).toEqual({ host: "10.0.21.5", port: "3301", password: "xxxxxx" });
});

test("a password keeps the spaces at its end, a host does not", () => {
  expect(read("[slave3301]\nhost = a  \npassword = b  \n").values).toEqual({ host: "a", password: "b  " });
});

test("keys may be written with _", () => {
  expect(read("[slave3301]\nssl_ca = /ca.pem\n").values).toEqual({ ssl_ca: "/ca.pem" });
});

test("an unknown key is an error that names the file, the section and the nearest known one", () => {
  expect(() => read("[slave3301]\npasswort=secret\n")).toThrow(
    expect.objectContaining({
      code: "E_CONFIG",
      message: expect.stringMatching(/db\.conf: \[slave3301\]: unknown key "passwort"$/),
      hint: "did you mean password?",
    }),
  );
});

test("other sections may say what they like: the file may serve other programs too", () => {
  expect(read("[slave3301]\nhost=a\n[client]\nsocket=/x\n").values).toEqual({ host: "a" });
});

test("a section that is not there is an error that lists those that are", () => {
  expect(() => read("[slave3301]\n[slave3302]\n", "slave3303")).toThrow(
    expect.objectContaining({
      message: expect.stringMatching(/has no section \[slave3303\]$/),
      hint: "there are: slave3301, slave3302",
    }),
  );
});
