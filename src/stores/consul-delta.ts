/** One of the two ways in which Consul writes its array; see {@link changedWindow}. */
interface Form {
  /** How the array begins. */
  readonly opening: string;
  /** Where two elements meet. */
  readonly seam: string;
  /** How many bytes of the seam belong to the element that ends; a comma follows. */
  readonly endBytes: number;
}

/** As a server writes it, and as `?pretty` and every agent in `-dev` mode do. */
const FORMS: readonly Form[] = [
  { opening: `[{"LockIndex":`, seam: `},{"LockIndex":`, endBytes: 1 },
  { opening: `[\n    {\n        "LockIndex":`, seam: `\n    },\n    {\n        "LockIndex":`, endBytes: 6 },
];
/** Bytes compared by one native call while looking for the first difference. */
const BLOCK_BYTES = 65_536;
/** Below this the full parse is quick enough to need no help. */
const MIN_BYTES = 16_384;

/** The bytes that differ, widened to whole elements: `previous[start, previousEnd)`, `next[start, nextEnd)`. */
export interface ChangedWindow {
  readonly start: number;
  readonly previousEnd: number;
  readonly nextEnd: number;
}

/**
 * Finds the part of two bodies that has to be parsed to know what changed, or undefined when that cannot be
 * told or would save nothing.
 *
 * Why cutting there is right: `previous` is known to be a valid JSON array of flat objects. In such a text
 * `},{"LockIndex":` cannot lie within a string, because the quote would end the string and an L may not
 * follow, nor can a line break; so it is always a seam between two elements. Before `start` and behind the two ends both bodies
 * are the same bytes and consist of whole elements. Therefore `next` is a valid array exactly if its window
 * is a list of values, and its elements are those before, those in the window, those behind.
 */
export function changedWindow(previous: Buffer, next: Buffer): ChangedWindow | undefined {
  if (previous.length < MIN_BYTES || next.length < MIN_BYTES) return undefined;
  const form = FORMS.find(({ opening }) => previous.toString("latin1", 0, opening.length) === opening);
  if (form === undefined) return undefined;
  const shortest = Math.min(previous.length, next.length);
  const prefix = commonPrefix(previous, next, shortest);
  const suffix = commonSuffix(previous, next, shortest - prefix);
  const start = windowStart(previous, prefix, form);
  const previousEnd = windowEnd(previous, suffix, form);
  if (start === undefined || previousEnd === undefined) return undefined;
  const nextEnd = next.length - (previous.length - previousEnd);
  if (start >= previousEnd || start >= nextEnd) return undefined;
  const window = previousEnd - start + (nextEnd - start);
  return window > shortest / 2 ? undefined : { start, previousEnd, nextEnd };
}

/** Behind the comma of the last seam that both bodies share, or at the first element. */
function windowStart(previous: Buffer, prefix: number, { seam, endBytes }: Form): number | undefined {
  const at = prefix < seam.length ? -1 : previous.lastIndexOf(seam, prefix - seam.length, "latin1");
  if (at !== -1) return at + endBytes + 1;
  return prefix > 0 ? 1 : undefined;
}

/** Before the comma of the first seam that both bodies share, or at the closing bracket. */
function windowEnd(previous: Buffer, suffix: number, { seam, endBytes }: Form): number | undefined {
  const at = previous.indexOf(seam, previous.length - suffix, "latin1");
  if (at !== -1) return at + endBytes;
  return suffix > 0 && previous[previous.length - 1] === 0x5d ? previous.length - 1 : undefined;
}

/** How many bytes two buffers have in common from their beginnings, at most `limit`. */
export function commonPrefix(a: Buffer, b: Buffer, limit: number): number {
  let from = 0;
  while (from < limit) {
    const to = Math.min(limit, from + BLOCK_BYTES);
    if (a.compare(b, from, to, from, to) !== 0) return firstDifference(a, b, { from, to });
    from = to;
  }
  return limit;
}

/** How many bytes two buffers have in common from their ends, at most `limit`. */
export function commonSuffix(a: Buffer, b: Buffer, limit: number): number {
  const shift = b.length - a.length;
  const lowest = a.length - limit;
  let to = a.length;
  while (to > lowest) {
    const from = Math.max(lowest, to - BLOCK_BYTES);
    if (a.compare(b, from + shift, to + shift, from, to) !== 0) return a.length - lastDifference(a, b, { from, to });
    to = from;
  }
  return limit;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/** Halves a span that is known to differ until it is one byte. */
function firstDifference(a: Buffer, b: Buffer, { from, to }: Span): number {
  while (to - from > 1) {
    const middle = (from + to) >>> 1;
    if (a.compare(b, from, middle, from, middle) === 0) from = middle;
    else to = middle;
  }
  return from;
}

/** As {@link firstDifference} from the end: the position behind the last byte that differs, in `a`. */
function lastDifference(a: Buffer, b: Buffer, { from, to }: Span): number {
  const shift = b.length - a.length;
  while (to - from > 1) {
    const middle = (from + to) >>> 1;
    if (a.compare(b, middle + shift, to + shift, middle, to) === 0) to = middle;
    else from = middle;
  }
  return to;
}
