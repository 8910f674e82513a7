import type { OptionSpec } from "../core/option.ts";

/** One option of a command. Flag, environment variable, config file key, `--help` and docs all come from it. */
export interface Flag extends OptionSpec {
  /** Environment variables beside `CONFD_HAPROXY_<NAME>`, e.g. Consul's own. */
  readonly env?: readonly string[];
  /** Heading it stands under in `--help`. */
  readonly section?: string;
  /** Accepted, but not shown in help: it is there for those who come from another tool. */
  readonly hidden?: boolean;
}

/** The environment variable of a flag: `--log-level` is `CONFD_HAPROXY_LOG_LEVEL`. */
export function envName(flag: Flag): string {
  return `CONFD_HAPROXY_${flag.name.toUpperCase().replaceAll("-", "_")}`;
}
