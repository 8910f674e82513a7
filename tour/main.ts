import { AppError, errorText } from "../src/core/errors.ts";
import { HELP, parseOptions, type TourOptions } from "./options.ts";

// Not process.exitCode: what was being started when the tour ended has nobody to wait for it.
process.exit(await main(process.argv.slice(2)));

async function main(words: readonly string[]): Promise<number> {
  let options: TourOptions;
  try {
    options = parseOptions(words);
  } catch (error) {
    const hint = error instanceof AppError && error.hint !== undefined ? ` (${error.hint})` : "";
    process.stderr.write(`${errorText(error)}${hint}\n`);
    return error instanceof AppError ? error.exitCode : 1;
  }
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  // Late: the clients of all servers take longer to load than the help takes to read.
  const { runTour } = await import("./run.ts");
  return runTour(options);
}
