/** How to reach Consul over TLS; paths are read by the adapter. */
export interface TlsOptions {
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  /** SNI and the name the server's certificate must carry. */
  readonly serverName?: string;
  /** False only when the user said so: the certificate is then not checked. */
  readonly verify: boolean;
}

/** Consul's consistency modes (HTTP API, "Consistency Modes"). */
export type Consistency = "default" | "consistent" | "stale";

/** A validated choice of store: what `--store`, `--consul` and their companions come to. */
export type StoreOptions =
  | {
      readonly type: "consul";
      /** In order of preference; the next one is tried when one does not answer. At least one. */
      readonly addresses: readonly { readonly host: string; readonly port: number }[];
      /** Set for https. */
      readonly tls?: TlsOptions;
      /** Never logged. */
      readonly token?: string;
      /** Read again whenever it changes; wins over `token`. */
      readonly tokenFile?: string;
      readonly datacenter?: string;
      readonly namespace?: string;
      readonly consistency: Consistency;
      /** IDs of health checks on the agent's node: while one is critical no lock is held, besides `serfHealth`. */
      readonly sessionChecks?: readonly string[];
    }
  | {
      readonly type: "file";
      /** A folder (read and write), or a .json, .yaml or .yml document (read-only). */
      readonly path: string;
    };
