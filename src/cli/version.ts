declare const __VERSION__: string | undefined;

/** Put in by the build from package.json; from the sources it is a development version. */
export const VERSION: string = typeof __VERSION__ === "string" ? __VERSION__ : "0.0.0-development";
