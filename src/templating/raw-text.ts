/** Text that a helper has already made fit for the file: `{{x}}` writes it as it is. */
export interface RawText {
  readonly raw: string;
  toString(): string;
}

const made = new WeakSet<object>();

/** Marks text as finished. */
export function rawText(raw: string): RawText {
  const text = { raw, toString: () => raw };
  made.add(text);
  return text;
}

/** Whether this is what {@link rawText} made; an object from the store never is. */
export function isRawText(value: unknown): value is RawText {
  return typeof value === "object" && value !== null && made.has(value);
}
