import { type Configuration, createConfiguration } from "./configuration.ts";
import type { ConfiguredServer } from "./difference.ts";
import type { Stretch } from "./layout.ts";
import { hasServers } from "./section.ts";
import { isDisabled, isOn, type ServerLine, serverLinesOf, weightOf } from "./server-line.ts";
import { settingsOf } from "./settings.ts";

/**
 * Every server of listen/backend sections, in file order, with default-server of its section and of the defaults that
 * apply. Left out are servers that may not exist: between `.if` and `.endif`, or with a variable in their name; and
 * those of `server-template`, whose addresses HAProxy finds by itself. `backends`: only theirs, and only those are read.
 */
export function serversOf(text: string, backends?: ReadonlySet<string>): readonly ConfiguredServer[] {
  return createServersReader()(text, backends);
}

/** As {@link serversOf}, for texts that have most sections in common: a section that it has read before is not read again. */
export function createServersReader(): typeof serversOf {
  let defaults = "";
  let known = new Map<string, readonly ConfiguredServer[]>();
  return (text, backends) => {
    const config = createConfiguration(text);
    const now = config.defaults.map((stretch) => config.raw(stretch)).join("");
    if (now !== defaults) known = new Map();
    defaults = now;
    const used = new Map<string, readonly ConfiguredServer[]>();
    const wanted = config.stretches.filter((stretch) => isWanted(config, stretch, backends));
    const servers = wanted.flatMap((stretch) => {
      const raw = config.raw(stretch);
      // Conditions around a section are not in its text.
      if (stretch.depth > 0) return serversIn(config, stretch);
      const found = known.get(raw) ?? serversIn(config, stretch);
      used.set(raw, found);
      return found;
    });
    // Of what was read in part nothing else is forgotten.
    if (backends === undefined) known = used;
    else for (const [raw, found] of used) known.set(raw, found);
    return servers;
  };
}

function isWanted(config: Configuration, stretch: Stretch, backends: ReadonlySet<string> | undefined): boolean {
  return hasServers(stretch) && (backends === undefined || backends.has(config.name(stretch)));
}

/** Backends that may have more servers than {@link serversOf} tells: by `server-template`, `.if` or a variable. */
export function openBackendsOf(text: string): ReadonlySet<string> {
  const config = createConfiguration(text);
  const open = config.stretches.filter((stretch) => {
    if (!hasServers(stretch)) return false;
    return stretch.depth > 0 || stretch.hasDirectives || /server-template|\$/.test(config.raw(stretch));
  });
  return new Set(open.map((stretch) => config.name(stretch)));
}

function serversIn(config: Configuration, stretch: Stretch): ConfiguredServer[] {
  const section = config.section(stretch);
  const isCertain = section.depth === 0 && !section.name.includes("\0");
  if (!isCertain) return [];
  return serverLinesOf(section, settingsOf(config, stretch))
    .filter(({ name, line }) => line.depth === 0 && !name.includes("\0") && name !== "")
    .map((server) => configured(section.name, server));
}

function configured(backend: string, server: ServerLine): ConfiguredServer {
  const { address } = server;
  return {
    backend,
    server: server.name,
    address: address.kind === "literal" ? address.ip : undefined,
    port: address.kind === "other" ? undefined : address.port,
    weight: server.unknown === undefined && !server.line.hasVariable ? weightOf(server) : undefined,
    disabled: isDisabled(server),
    hasAgent: isOn(server, "agent-check"),
    hasCheck: isOn(server, "check"),
  };
}
