import type { Checker } from "../src/core/checker.ts";
import { AppError } from "../src/core/errors.ts";
import type { OptionSpec, OptionValues } from "../src/core/option.ts";
import type { Target } from "../src/core/targets.ts";
import { createAccesses } from "./redis/access.ts";
import { type CouncilOptions, createCouncil } from "./redis/council.ts";
import { createDiscover } from "./redis/discovery.ts";
import { createProbe } from "./redis/probe.ts";

const OPTIONS: readonly OptionSpec[] = [
  { name: "server", type: "targets", argument: "h:p,h:p", description: "the servers, asked for their role" },
  {
    name: "sentinel",
    type: "targets",
    argument: "h:p,h:p",
    description: "all Sentinels of the master: they name the servers, and a majority of them must agree",
  },
  {
    name: "master-name",
    type: "string",
    argument: "NAME",
    description: "what the Sentinels call the master, such as mymaster",
  },
  { name: "user", type: "string", argument: "NAME", description: "ACL user on the servers (Redis 6 and newer)" },
  { name: "password", type: "string", secret: true, description: "password on the servers" },
  {
    name: "password-file",
    type: "string",
    argument: "FILE",
    description: "file with the password, read for each new connection",
  },
  { name: "sentinel-user", type: "string", argument: "NAME", description: "ACL user on the Sentinels" },
  { name: "sentinel-password", type: "string", secret: true, description: "password on the Sentinels" },
  {
    name: "sentinel-password-file",
    type: "string",
    argument: "FILE",
    description: "file with the Sentinels' password, read for each new connection",
  },
  { name: "redis-tls", type: "boolean", description: "talk TLS to servers and Sentinels" },
  {
    name: "redis-ca-file",
    type: "string",
    argument: "FILE",
    description: "PEM of the CA that signed their certificates",
  },
  { name: "redis-cert-file", type: "string", argument: "FILE", description: "PEM of our client certificate" },
  { name: "redis-key-file", type: "string", argument: "FILE", description: "PEM of its key" },
  {
    name: "redis-server-name",
    type: "string",
    argument: "NAME",
    description: "name that their certificates must carry, instead of the host that was connected to",
  },
];

/** Redis: healthy when it is the master, by its own word and, with Sentinels, by that of their majority. */
export const redismaster: Checker = {
  kind: "redismaster",
  summary: "the Redis master, by its own word and that of its Sentinels",
  proxyportOffset: 10_000,
  exclusive: "say that they are the master",
  options: OPTIONS,
  create(options, context) {
    const { servers, sentinels } = createAccesses(options);
    const { named, council: asked } = whom(options);
    const council = asked && createCouncil({ ...asked, access: sentinels }, context);
    const shared = { access: servers, clock: context.clock, ...(council === undefined ? {} : { council }) };
    return {
      discover: createDiscover(named, council),
      open: (target) => createProbe(target, shared),
      onNews: (listener) => council?.onNews(listener),
      close: async () => council?.close(),
    };
  },
};

/** Whom to ask. Throws E_USAGE when that is nobody, or nobody knows about which master. */
function whom(options: OptionValues): {
  readonly named: readonly Target[];
  readonly council?: Pick<CouncilOptions, "sentinels" | "masterName">;
} {
  const named = targets(options["server"]);
  const sentinels = targets(options["sentinel"]);
  const masterName = options["master-name"];
  if (sentinels.length === 0 && masterName !== undefined) {
    throw new AppError("E_USAGE", "--master-name says nothing without --sentinel");
  }
  if (sentinels.length > 0) {
    if (typeof masterName === "string" && masterName !== "") return { named, council: { sentinels, masterName } };
    throw new AppError("E_USAGE", "--sentinel needs --master-name", {
      hint: "the name that stands in sentinel.conf behind `sentinel monitor`, such as mymaster",
    });
  }
  if (named.length > 0) return { named };
  throw new AppError("E_USAGE", "--server or --sentinel is required", {
    hint: "the Redis servers themselves, or all Sentinels with --master-name",
  });
}

function targets(value: OptionValues[string]): readonly Target[] {
  return Array.isArray(value) ? value : [];
}
