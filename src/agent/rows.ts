/** Who can stand in a row, in one at a time: nowhere in the beginning, all three undefined. */
export interface Place<T> {
  row: Row<T> | undefined;
  before: T | undefined;
  after: T | undefined;
}

/**
 * In the order in which they came; anybody may leave, wherever he stands. A Map would do the same, but with sockets that
 * come and go as its keys it costs a tenth of all that it takes to answer them.
 */
export interface Row<T> {
  readonly size: number;
  readonly first: T | undefined;
  /** As the last one. */
  join(who: T): void;
  /** Does nothing for who is not in it. */
  leave(who: T): void;
}

/** An empty row. */
export function createRow<T extends Place<T>>(): Row<T> {
  let size = 0;
  let first: T | undefined;
  let last: T | undefined;
  const row: Row<T> = {
    get size() {
      return size;
    },
    get first() {
      return first;
    },
    join(who) {
      who.row = row;
      who.before = last;
      if (last === undefined) first = who;
      else last.after = who;
      last = who;
      size += 1;
    },
    leave(who) {
      if (who.row !== row) return;
      const { before, after } = who;
      if (before === undefined) first = after;
      else before.after = after;
      if (after === undefined) last = before;
      else after.before = before;
      // one that has left must not hold the others in memory
      who.row = undefined;
      who.before = undefined;
      who.after = undefined;
      size -= 1;
    },
  };
  return row;
}
