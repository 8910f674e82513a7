/** The other side sent what no HTTP/1.1 answer may be. `code` begins like those of Node's own parser. */
export class HttpSyntaxError extends Error {
  readonly code = "HPE_INVALID";
}
