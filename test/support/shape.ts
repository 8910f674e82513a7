/** What a value must look like: says what is wrong with it, one text each, beginning with where. */
export type Shape = (value: unknown, at: string) => readonly string[];

/** Any string; with a pattern, one that matches. */
export function text(pattern?: RegExp): Shape {
  return (value, at) => {
    if (typeof value !== "string") return [`${at}: must be a string (is ${JSON.stringify(value)})`];
    return pattern === undefined || pattern.test(value) ? [] : [`${at}: "${value}" does not match ${pattern}`];
  };
}

/** A whole number within bounds, both included. */
export function whole(least: number, most: number): Shape {
  return (value, at) =>
    Number.isInteger(value) && Number(value) >= least && Number(value) <= most
      ? []
      : [`${at}: must be a whole number from ${least} to ${most} (is ${JSON.stringify(value)})`];
}

/** One of these values. */
export function among(...values: readonly unknown[]): Shape {
  return (value, at) => (values.includes(value) ? [] : [`${at}: must be one of ${values.join(", ")} (is ${value})`]);
}

/** A list, each of whose items has the shape; never an empty one. */
export function list(item: Shape): Shape {
  return (value, at) => {
    if (!Array.isArray(value) || value.length === 0) return [`${at}: must be a list with something in it`];
    return value.flatMap((entry, index) => item(entry, `${at}[${index}]`));
  };
}

/** Any keys, each of whose values has the shape. */
export function mapOf(item: Shape): Shape {
  return (value, at) =>
    isRecord(value)
      ? Object.entries(value).flatMap(([key, entry]) => item(entry, `${at}.${key}`))
      : [`${at}: must be an object`];
}

/** Exactly these keys; those whose name ends in `?` may be missing. */
export function record(fields: Readonly<Record<string, Shape>>): Shape {
  const shapes = new Map(Object.entries(fields).map(([name, shape]) => [name.replace(/\?$/, ""), shape]));
  const required = Object.keys(fields).filter((name) => !name.endsWith("?"));
  return (value, at) => {
    if (!isRecord(value)) return [`${at}: must be an object`];
    const missing = required.filter((name) => value[name] === undefined).map((name) => `${at}.${name}: is missing`);
    const present = Object.entries(value).flatMap(
      ([name, entry]) => shapes.get(name)?.(entry, `${at}.${name}`) ?? [`${at}.${name}: is no field of this kind`],
    );
    return [...missing, ...present];
  };
}

/** The first of the shapes that fits; else what the last one says. */
export function either(...shapes: readonly Shape[]): Shape {
  return (value, at) => {
    const said = shapes.map((shape) => shape(value, at));
    return said.find((problems) => problems.length === 0) ?? said.at(-1) ?? [];
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
