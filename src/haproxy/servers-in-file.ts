import { compareServers, type Drift } from "./compare.ts";
import type { ConfiguredServer } from "./difference.ts";
import { createServersReader, openBackendsOf } from "./servers.ts";
import type { RunningServer } from "./servers-state.ts";

/** What the files of one HAProxy say of its servers. */
export interface ServersInFile {
  readonly configured: readonly ConfiguredServer[];
  /** What they said before, if that is known. */
  readonly before: readonly ConfiguredServer[] | undefined;
  /** Backends that may have more servers than can be told. */
  readonly open: ReadonlySet<string>;
}

/** Reads them out of texts; `backends`: only of these. */
export type FileReader = (
  texts: { readonly now: readonly string[]; readonly before: readonly string[] },
  backends?: ReadonlySet<string>,
) => ServersInFile;

/** A reader that remembers the sections it has read: from change to change most are the same. */
export function createFileReader(): FileReader {
  const serversOf = createServersReader();
  return ({ now, before }, backends) => {
    const all = (texts: readonly string[]) => texts.flatMap((text) => serversOf(text, backends));
    return {
      before: before.length === 0 ? undefined : all(before),
      configured: all(now),
      open: new Set(now.flatMap((text) => [...openBackendsOf(text)])),
    };
  };
}

/** In what a running HAProxy is not what its file says. A backend that this file gives no server is another file's. */
export function driftsOf(
  { configured, before, open }: ServersInFile,
  running: readonly RunningServer[],
): readonly Drift[] {
  const backends = new Set(configured.map(({ backend }) => backend));
  const own = running.filter(({ backend }) => backends.has(backend));
  return compareServers(configured, own, { openBackends: open, ...(before === undefined ? {} : { before }) });
}
