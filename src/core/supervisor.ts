/** Whoever started us and wants to know how we are: systemd, or nobody. */
export interface Supervisor {
  /** Everything is as it should be; only the first call counts. */
  ready(): void;
  /** One line for people. */
  status(text: string): void;
  /** The main loop has come round once more. */
  turned(): void;
  /** How often at least the loop must come round, ms; undefined when nobody watches. */
  readonly turnEveryMs: number | undefined;
  /** The end begins. */
  stopping(): void;
}
