import { AppError } from "../core/errors.ts";

/** A request before it is written; `path` begins with a slash and is percent-encoded. */
export interface RequestParts {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

/**
 * The whole request as one text, to be sent as UTF-8. Throws E_INTERNAL for a path and E_CONFIG for a header
 * that would end its line early or is no ASCII; the value may be a secret and is not shown.
 */
export function requestText({ method, path, headers, body }: RequestParts): string {
  if (!/^\/[\x21-\x7e]*$/.test(path)) throw new AppError("E_INTERNAL", "the path of a request is not percent-encoded");
  let text = `${method} ${path} HTTP/1.1\r\n`;
  for (const name in headers) text += headerLine(name, headers[name] ?? "");
  if (body === undefined) return `${text}\r\n`;
  return `${text}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

function headerLine(name: string, value: string): string {
  if (/^[\x20-\x7e]*$/.test(value)) return `${name}: ${value}\r\n`;
  throw new AppError("E_CONFIG", `the header ${name} would hold characters that HTTP does not allow there`);
}
