declare const __VERSION__: string | undefined;
declare const __BUILD__: string | undefined;

/** Put in by the build from package.json; from the sources it is a development version. */
export const VERSION: string = typeof __VERSION__ === "string" ? __VERSION__ : "0.0.0-development";

/** Another text for each state of the sources: what one build has cached is not for another. */
export const BUILD: string = typeof __BUILD__ === "string" ? __BUILD__ : `${process.pid}`;
