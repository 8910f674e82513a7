/** What `{{#if}}` takes for true: as in Handlebars, everything but nothing, false, 0, "" and the empty list. */
export function isTruthy(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : Boolean(value);
}

/** What `empty`, `default` and `coalesce` take for empty: as {@link isTruthy}, and an object without fields. */
export function isEmpty(value: unknown): boolean {
  if (!isTruthy(value)) return true;
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}
