/** Puts the paths into a `check_cmd` or `reload_cmd`: confd's `{{.src}}` and `{{.dest}}`, or without the dot. */
export function commandLine(command: string, paths: { readonly src: string; readonly dest: string }): string {
  return command.replace(/\{\{\s*\.?(src|dest)\s*\}\}/g, (_, which: "src" | "dest") => paths[which]);
}
