/** A keyword of a `server` or `default-server` line, with the words that belong to it. */
export interface Keyword {
  readonly name: string;
  readonly values: readonly string[];
}

/** What follows the address of a `server` line, as far as it is understood. */
export interface Keywords {
  readonly known: readonly Keyword[];
  /** The word from which on nothing is understood. */
  readonly unknown: string | undefined;
}

/** Keywords of one word (the srv_kw lists in HAProxy's sources, 2.4 to 3.4). */
const WITHOUT_VALUE = new Set(
  `agent-check allow-0rtt backup check check-reuse-pool check-send-proxy check-sni-auto check-ssl check-via-socks4
  disabled enabled force-sslv3 force-tlsv10 force-tlsv11 force-tlsv12 force-tlsv13 no-agent-check no-backup no-check
  no-check-reuse-pool no-check-send-proxy no-check-sni-auto no-check-ssl no-renegotiate no-send-proxy no-send-proxy-v2
  no-send-proxy-v2-ssl no-send-proxy-v2-ssl-cn no-sni-auto no-ssl no-ssl-reuse no-sslv3 no-tfo no-tls-tickets no-tlsv10
  no-tlsv11 no-tlsv12 no-tlsv13 no-verifyhost non-stick renegotiate send-proxy send-proxy-v2 send-proxy-v2-ssl
  send-proxy-v2-ssl-cn sni-auto ssl ssl-reuse stick strict-maxconn tfo tls-tickets`.split(/\s+/),
);

/** Keywords that take one word more. `source` may be followed by `usesrc` or `interface`, which do so too. */
const WITH_VALUE = new Set(
  `addr agent-addr agent-inter agent-port agent-send alpn ca-file cc check-alpn check-pool-conn-name check-proto
  check-sni ciphers ciphersuites client-sigalgs cookie crl-file crt curves downinter error-limit fall fastinter guid
  hash-key healthcheck id idle-ping init-addr init-state inter interface ktls log-bufsize log-proto max-reuse maxconn
  maxqueue minconn namespace npn observe on-error on-marked-down on-marked-up pool-conn-name pool-low-conn pool-max-conn
  pool-purge-delay port proto proxy-v2-options redir resolve-net resolve-opts resolve-prefer resolvers rise shard sigalgs
  slowstart sni socks4 source ssl-max-ver ssl-min-ver tcp-ut track usesrc verify verifyhost weight ws`.split(/\s+/),
);

/** Cuts the words after a server's address (or after `default-server`) into keywords. */
export function readKeywords(words: readonly string[]): Keywords {
  const known: Keyword[] = [];
  for (let at = 0; at < words.length; ) {
    const name = words[at] ?? "";
    const takes = WITHOUT_VALUE.has(name) ? 0 : WITH_VALUE.has(name) ? 1 : undefined;
    const values = words.slice(at + 1, at + 1 + (takes ?? 0));
    if (takes === undefined || values.length < takes || values.includes("")) return { known, unknown: name };
    known.push({ name, values });
    at += 1 + takes;
  }
  return { known, unknown: undefined };
}

/** Keywords whose value a running HAProxy can change; all others must stay as they are. */
export const CHANGEABLE: ReadonlySet<string> = new Set([
  ...["weight", "maxconn", "disabled", "enabled"],
  ...["addr", "port", "agent-addr", "agent-port", "agent-send"],
]);

/**
 * Keywords with which a server may be added at run time: of those that 2.6's management manual names under `add
 * server`, the ones that mean the same there as in a file. Left out: all of TLS (files are read after the privileges
 * are dropped), `track`, `source`, `id`, `observe` and `slowstart` (2.6.12 starts an added server with other defaults).
 */
export const ADDABLE: ReadonlySet<string> = new Set([
  ...["addr", "agent-addr", "agent-check", "agent-inter", "agent-port", "agent-send", "backup", "check"],
  ...["check-send-proxy", "disabled", "downinter", "enabled", "fall", "fastinter", "inter", "maxconn", "maxqueue"],
  ...["on-marked-down", "on-marked-up", "port", "proxy-v2-options", "rise", "send-proxy", "send-proxy-v2", "weight"],
]);

/** Keywords of `default-server` that say how a name is looked up: without meaning for an IP literal. */
export const FOR_NAMES_ONLY: ReadonlySet<string> = new Set([
  ...["init-addr", "resolve-net", "resolve-opts", "resolve-prefer", "resolvers"],
]);
