/** The times of the Consul client, all in ms. */
export interface ConsulTiming {
  /** How long Consul may hold a blocking query open; it adds up to a sixteenth (HTTP API, "Blocking Queries"). */
  readonly waitMs: number;
  /** What an answer may take on top of the wait before the connection counts as dead. */
  readonly marginMs: number;
  /** How long any other request may take, where the caller does not say. */
  readonly requestMs: number;
  /** The least time from one answer to the next blocking query, so that a storm of writes costs few requests. */
  readonly gapMs: number;
  /** Up to this much is added to the gap by chance, so that a fleet does not ask in step. */
  readonly ditherMs: number;
  /** After this long without a sign of life Consul may free our locks, at the latest after twice as long. */
  readonly sessionTtlMs: number;
}

/**
 * A wait of one minute, not of Consul's five: a hung agent holds its connections open, so only the end of
 * the wait shows that it hangs. A leaderless cluster takes 7 s to say so, hence 10 s for a request.
 * A session's TTL is the least that Consul takes unless its `session_ttl_min` says otherwise.
 */
export const CONSUL_TIMING: ConsulTiming = {
  waitMs: 60_000,
  marginMs: 5_000,
  requestMs: 10_000,
  gapMs: 100,
  ditherMs: 20,
  sessionTtlMs: 10_000,
};
