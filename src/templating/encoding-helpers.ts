import { createRequire } from "node:module";
import { haproxyWord } from "./haproxy-word.ts";
import { type HelperCall, type Helpers, text, wrong } from "./helper.ts";
import { rawText } from "./raw-text.ts";

/** From one notation to another. */
export const encodingHelpers: Helpers = {
  base64Encode: { params: "text", run: (call) => Buffer.from(text(call, 0), "utf8").toString("base64") },
  base64Decode: { params: "text", run: base64Decode },
  sha256sum: { params: "text", run: sha256sum },
  toJson: { params: "value", run: ({ args }) => JSON.stringify(args[0] ?? null) },
  toPrettyJson: { params: "value", run: ({ args }) => JSON.stringify(args[0] ?? null, null, 2) },
  quote: { params: "text", run: quote },
  squote: { params: "text", run: squote },
};

/** node:crypto costs milliseconds of start-up, and few templates need it. */
function sha256sum(call: HelperCall): string {
  const { createHash } = createRequire(import.meta.url)("node:crypto") as typeof import("node:crypto");
  return createHash("sha256").update(text(call, 0)).digest("hex");
}

function base64Decode(call: HelperCall): string {
  const encoded = text(call, 0).trim();
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(encoded)) {
    throw wrong(call, "this is not base64");
  }
  return Buffer.from(encoded, "base64").toString("utf8");
}

/** In a file for HAProxy a word in HAProxy's double quotes, elsewhere a text as JSON and Go quote it. */
function quote(call: HelperCall): unknown {
  const value = text(call, 0);
  if (call.scope.escaping === "none") return JSON.stringify(value);
  const word = haproxyWord(value);
  if (word === undefined) throw wrong(call, "a control character cannot be in a HAProxy file");
  return rawText(value === "" ? word : `"${word}"`);
}

/** As {@link quote} with single quotes; HAProxy reads nothing inside them, others read '' as one quote. */
function squote(call: HelperCall): unknown {
  const value = text(call, 0);
  if (call.scope.escaping === "none") return `'${value.replaceAll("'", "''")}'`;
  if (haproxyWord(value) === undefined) throw wrong(call, "a control character cannot be in a HAProxy file");
  return rawText(`'${value.replaceAll("'", "'\\''")}'`);
}
