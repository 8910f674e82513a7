import { pluginsOf } from "../app/checkers-plan.ts";

/**
 * The plugins that a command line names, found before its flags are known: which flags there are depends on the kind,
 * and the kind may come from a plugin. Without any in the line, those of the environment.
 */
export function findPlugins(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const named = argv.flatMap((word, at) => {
    const inline = /^--?plugin=(.+)$/s.exec(word)?.[1];
    if (inline !== undefined) return pluginsOf(inline);
    return /^--?plugin$/.test(word) ? pluginsOf(argv[at + 1]) : [];
  });
  return named.length > 0 ? named : pluginsOf(env["CONFD_HAPROXY_PLUGIN"]);
}
