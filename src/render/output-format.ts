import { AppError, errorText } from "../core/errors.ts";
import type { OutputFormat } from "../core/resource.ts";

/** Throws E_TEMPLATE when the rendered text is not of the format that `output_format` demands. */
export async function checkFormat(text: string, format: OutputFormat, dest: string): Promise<void> {
  const parse = await parserOf(format);
  try {
    parse(text);
  } catch (error) {
    throw new AppError("E_TEMPLATE", `the text for ${dest} is not ${format}: ${errorText(error)}`);
  }
}

async function parserOf(format: OutputFormat): Promise<(text: string) => unknown> {
  switch (format) {
    case "json":
      return JSON.parse;
    case "yaml":
      return (await import("yaml")).parse;
    case "toml":
      return (await import("smol-toml")).parse;
  }
}
