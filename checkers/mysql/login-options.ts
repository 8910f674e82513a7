import type { OptionSpec } from "../../src/core/option.ts";

/** As whom a checker logs in to MySQL and its kin, and over which TLS; read by `createLogin`. */
export const LOGIN_OPTIONS: readonly OptionSpec[] = [
  {
    name: "user",
    type: "string",
    required: true,
    argument: "USER",
    description: "user that the checker logs in as, on every server",
  },
  { name: "password", type: "string", secret: true, description: "that user's password" },
  {
    name: "password-file",
    type: "string",
    argument: "PATH",
    description: "file with that user's password, read anew for each connection",
  },
  {
    name: "ssl-ca",
    type: "string",
    argument: "PATH",
    description: "use TLS; PEM of the CA that signed the servers' certificates",
  },
  { name: "ssl-cert", type: "string", argument: "PATH", description: "PEM of the checker's own certificate" },
  { name: "ssl-key", type: "string", argument: "PATH", description: "PEM of its key" },
  {
    name: "ssl-verify",
    type: "boolean",
    default: true,
    description: "check that a server's certificate names its host (with --ssl-ca)",
  },
];
