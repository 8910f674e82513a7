import { createTwoFilesPatch } from "diff";
import picocolors from "picocolors";

/** Prints what would change at dest to stdout, as a unified diff. */
export function showDiff(
  change: { readonly dest: string; readonly before: string; readonly after: string },
  colour: boolean,
): void {
  const patch = createTwoFilesPatch(change.dest, `${change.dest} (rendered)`, change.before, change.after, "", "", {
    context: 3,
  });
  const paint = picocolors.createColors(colour);
  const lines = patch.split("\n").slice(1);
  process.stdout.write(`${lines.map((line) => paintLine(line, paint)).join("\n")}\n`);
}

function paintLine(line: string, paint: ReturnType<typeof picocolors.createColors>): string {
  if (line.startsWith("+")) return paint.green(line);
  if (line.startsWith("-")) return paint.red(line);
  return line.startsWith("@@") ? paint.cyan(line) : line;
}
