/**
 * Imports a JavaScript file, ES module or CommonJS, by its `file:` URL. A file of its own because the build leaves it
 * alone: in the bundles every other `import()` has become a `require`, which knows no ES modules.
 */
export function importFile(url: string): Promise<unknown> {
  return import(url);
}
