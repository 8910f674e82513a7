import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tempDir } from "./temp-dir.ts";

/** A certificate and its key, PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  /** Where `cert` is. */
  readonly file: string;
}

/** Signs certificates. */
export interface Authority extends Certificate {
  /** For these names: `IP:127.20.1.2`, `DNS:a.test`; good for two days, or until yesterday. */
  sign(names: readonly string[], when?: "now" | "over"): Certificate;
}

/** Quick to make, unlike RSA. */
const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** A new CA that nobody trusts of themselves. */
export function createAuthority(): Authority {
  const dir = tempDir("certificates");
  const openssl = (...args: readonly string[]) =>
    execFileSync("openssl", args, { cwd: dir, stdio: ["ignore", "ignore", "pipe"] });
  const read = (name: string): Certificate => ({
    cert: readFileSync(join(dir, `${name}.pem`), "utf8"),
    key: readFileSync(join(dir, `${name}.key`), "utf8"),
    file: join(dir, `${name}.pem`),
  });
  let count = 0;
  openssl("req", "-x509", ...KEY, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=ca.test");
  return {
    ...read("ca"),
    sign(names, when = "now") {
      count += 1;
      const name = `signed${count}`;
      openssl("req", ...KEY, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", "/CN=server.test");
      writeFileSync(join(dir, `${name}.ext`), `subjectAltName=${names.join(",")}\n`);
      const by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", `${name}.ext`];
      // A negative number of days ends before it begins: over, whatever the clock says.
      const days = ["-days", when === "now" ? "2" : "-1"];
      openssl("x509", "-req", "-in", `${name}.csr`, ...by, "-out", `${name}.pem`, ...days);
      return read(name);
    },
  };
}
