/** Where a value is in a document: names and list places, one after the other. */
export type JsonPath = readonly (string | number)[];

/** Reads `Status`, `data.load[0].value`; undefined for what is no such path. */
export function parsePath(text: string): JsonPath | undefined {
  if (!/^[^.[\]]+(?:\.[^.[\]]+|\[\d+\])*$/.test(text)) return undefined;
  return [...text.matchAll(/\[(\d+)\]|([^.[\]]+)/g)].map(([, place, name]) =>
    place === undefined ? String(name) : Number(place),
  );
}

/** The value there; undefined when there is none. */
export function valueAt(document: unknown, path: JsonPath): unknown {
  let at = document;
  for (const step of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Readonly<Record<string | number, unknown>>)[step];
  }
  return at;
}
