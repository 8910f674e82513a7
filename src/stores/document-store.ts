import { basename, dirname, resolve } from "node:path";
import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Pair, Store } from "../core/store.ts";
import { type DocumentParser, documentFormat, loadDocumentParser } from "./document.ts";
import { readValue } from "./file-value.ts";
import { FILES_TIMING, type FilesTiming } from "./files-timing.ts";
import { belongs, type FilesTree, toPair } from "./files-tree.ts";
import { type WatchParts, watchTree } from "./files-watch.ts";
import { checkKey, checkPrefix } from "./key.ts";

/**
 * One JSON or YAML document with all keys, read-only: for rendering without any server. Changes of the file
 * are seen as those of a folder are.
 */
export async function createDocumentStore(
  path: string,
  deps: { readonly clock: Clock; readonly logger: Logger; readonly filesTiming?: Partial<FilesTiming> },
): Promise<Store> {
  const file = resolve(path);
  const parse = await loadDocumentParser(documentFormat(file));
  const { clock, logger } = deps;
  const timing = { ...FILES_TIMING, ...deps.filesTiming };
  const closing = new AbortController();
  const parts: WatchParts = { root: dirname(file), clock, logger, timing, closing: closing.signal };
  const refuse = () => Promise.reject(readOnly(file));
  return {
    name: `file:${file}`,
    async get(key, call) {
      call.signal.throwIfAborted();
      checkKey(key);
      const tree = createDocumentTree(file, key, parse);
      tree.scan();
      return tree.pairs()[0];
    },
    async list(prefix, call) {
      call.signal.throwIfAborted();
      checkPrefix(prefix);
      const tree = createDocumentTree(file, prefix, parse);
      tree.scan();
      return { prefix, pairs: tree.pairs() };
    },
    async *watch(prefix, call) {
      checkPrefix(prefix);
      yield* watchTree(createDocumentTree(file, prefix, parse), prefix, { ...parts, signal: call.signal });
    },
    put: refuse,
    delete: refuse,
    async close() {
      closing.abort();
    },
  };
}

/** The document as a tree whose only file it is. */
function createDocumentTree(file: string, prefix: string, parse: DocumentParser): FilesTree {
  const folders = new Set([""]);
  let read: string | undefined;
  let pairs: readonly Pair[] = [];
  const scan = (): void => {
    const text = textOf(file);
    if (text === read) return;
    const known = new Map(pairs.map((pair) => [pair.key, pair]));
    const within = nameFile(file, () => parse(text)).filter(([key]) => belongs(key, prefix));
    pairs = within.map(([key, value]) => {
      const before = known.get(key);
      return before?.value === value ? before : toPair(key, value);
    });
    read = text;
  };
  return {
    scan,
    refresh(path) {
      if (path === "" || path === basename(file)) scan();
    },
    pairs: () => pairs,
    folders: () => folders,
  };
}

function textOf(file: string): string {
  const text = readValue(file)?.value;
  if (text !== undefined) return text;
  throw new AppError("E_STORE_UNREACHABLE", `there is no file ${file}`, {
    hint: "check --store; a name that ends in .json, .yaml or .yml means one document, any other a folder",
  });
}

/** The parser knows what is wrong, and this where. */
function nameFile<T>(file: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { code, message, hint } = error;
    throw new AppError(code, `${file}: ${message}`, hint === undefined ? {} : { hint });
  }
}

function readOnly(file: string): AppError {
  return new AppError("E_USAGE", `${file} is one document and read-only`, {
    hint: "write to the store it was dumped from, edit the file by hand, or use a folder: --store file:DIR",
  });
}
