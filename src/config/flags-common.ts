import type { Flag } from "./flag.ts";

/** The heading of {@link STORE_FLAGS}. */
export const STORE_SECTION = "Where the entries live";
/** The last heading of every `--help`. */
export const LOG_SECTION = "Logging and help";

/** How to reach the store; the same for every command. */
export const STORE_FLAGS: readonly Flag[] = [
  {
    name: "store",
    type: "string",
    argument: "URL",
    section: STORE_SECTION,
    description: "consul://host:port[,host:port] or file:PATH (a folder, or one .json/.yaml document, read-only)",
  },
  {
    name: "consul",
    type: "string",
    argument: "host:port,...",
    repeatable: true,
    section: STORE_SECTION,
    aliases: ["node"],
    env: ["CONSUL_HTTP_ADDR"],
    description: "short for --store consul://...; several addresses are tried in order (default 127.0.0.1:8500)",
  },
  {
    name: "token",
    type: "string",
    argument: "T",
    section: STORE_SECTION,
    aliases: ["auth-token"],
    env: ["CONSUL_HTTP_TOKEN"],
    description: "Consul's ACL token; better in the environment or in a file, where ps does not show it",
  },
  {
    name: "token-file",
    type: "string",
    argument: "FILE",
    section: STORE_SECTION,
    env: ["CONSUL_HTTP_TOKEN_FILE"],
    description: "file with the token; read again when it changes",
  },
  {
    name: "tls",
    type: "boolean",
    section: STORE_SECTION,
    env: ["CONSUL_HTTP_SSL"],
    description: "talk https to Consul",
  },
  {
    name: "ca-file",
    type: "string",
    argument: "FILE",
    section: STORE_SECTION,
    aliases: ["client-ca-keys"],
    env: ["CONSUL_CACERT"],
    description: "PEM of the CA that signed Consul's certificate",
  },
  {
    name: "cert-file",
    type: "string",
    argument: "FILE",
    section: STORE_SECTION,
    aliases: ["client-cert"],
    env: ["CONSUL_CLIENT_CERT"],
    description: "PEM of our client certificate",
  },
  {
    name: "key-file",
    type: "string",
    argument: "FILE",
    section: STORE_SECTION,
    aliases: ["client-key"],
    env: ["CONSUL_CLIENT_KEY"],
    description: "PEM of its key",
  },
  {
    name: "tls-server-name",
    type: "string",
    argument: "NAME",
    section: STORE_SECTION,
    env: ["CONSUL_TLS_SERVER_NAME"],
    description: "name that Consul's certificate must carry",
  },
  {
    name: "tls-verify",
    type: "boolean",
    section: STORE_SECTION,
    default: true,
    env: ["CONSUL_HTTP_SSL_VERIFY"],
    description: "check Consul's certificate",
  },
  { name: "client-insecure", type: "boolean", hidden: true, description: "confd's name for --no-tls-verify" },
  { name: "scheme", type: "enum", values: ["http", "https"], hidden: true, description: "confd's name for --tls" },
  { name: "backend", type: "enum", values: ["consul"], hidden: true, description: "confd's flag; consul is meant" },
  { name: "datacenter", type: "string", argument: "DC", section: STORE_SECTION, description: "Consul datacenter" },
  {
    name: "namespace",
    type: "string",
    argument: "NS",
    section: STORE_SECTION,
    env: ["CONSUL_NAMESPACE"],
    description: "Consul namespace (Enterprise)",
  },
  {
    name: "consistency",
    type: "enum",
    values: ["default", "consistent", "stale"],
    default: "default",
    section: STORE_SECTION,
    description: "Consul's consistency mode for reads",
  },
];

/** How to log; the same for every command. */
export const LOG_FLAGS: readonly Flag[] = [
  {
    name: "log-level",
    type: "enum",
    values: ["debug", "info", "warn", "error"],
    default: "info",
    section: LOG_SECTION,
    description: "the least that is logged",
  },
  {
    name: "log-format",
    type: "enum",
    values: ["text", "json"],
    default: "text",
    section: LOG_SECTION,
    description: "text for people, json for machines",
  },
];
