/** A client that asks again and again, each time on a new connection, and keeps count. */
export interface Client {
  /** Time between two requests; may be changed at any time. */
  everyMs: number;
  /** Asks once more, without waiting for earlier requests. */
  ask(): void;
  /** Who answered last; "" when nobody did, undefined before the first request came to an end. */
  last(): string | undefined;
  /** How many of the requests that were open at `forget` or made since have no answer, up to the last one that has. */
  unanswered(): number;
  /** Counts from here. */
  forget(): void;
  /** How many requests in a row the same server has answered. */
  streak(): number;
}

/** `request` resolves with the name of who answered; `tell` hears whenever that changes, "" when nobody does. */
export function createClient(everyMs: number, request: () => Promise<string>, tell: (who: string) => void): Client {
  const open = new Set<number>();
  const failed = new Set<number>();
  let asked = 0;
  let newest = 0;
  let streak = 0;
  let last: string | undefined;
  const hear = (id: number, who: string) => {
    if (id < newest) return;
    newest = id;
    streak = who === last ? streak + 1 : 1;
    const news = who !== last;
    last = who;
    if (news) tell(who);
  };
  return {
    everyMs,
    ask() {
      const id = ++asked;
      open.add(id);
      request()
        .then((who) => hear(id, who))
        .catch(() => {
          failed.add(id);
          hear(id, "");
        })
        .finally(() => open.delete(id));
    },
    last: () => last,
    unanswered: () => [...open, ...failed].filter((id) => id < newest).length,
    forget: () => failed.clear(),
    streak: () => streak,
  };
}
