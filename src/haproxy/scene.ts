import type { HaproxyFacts, RuntimeStep, ServerRef } from "./difference.ts";
import type { Members } from "./members.ts";
import type { Section } from "./section.ts";
import type { ServerLine } from "./server-line.ts";
import type { Settings } from "./settings.ts";
import { serverTitle } from "./wording.ts";

/** The section whose servers are compared, with what else decides on what its HAProxy takes at run time. */
export interface Scene {
  readonly section: Section;
  readonly settings: Settings;
  readonly facts: HaproxyFacts;
  /** The whole new file. */
  readonly text: string;
  readonly members: Members;
}

/** What one server's change comes to. */
export interface Change {
  readonly steps: readonly RuntimeStep[];
  readonly reasons: readonly string[];
}

/** How runtime commands name the server. */
export function refOf(scene: Scene, server: ServerLine): ServerRef {
  return { backend: scene.section.name, server: server.name };
}

/** A change that needs a reload. */
export function refused(scene: Scene, server: ServerLine, ...whys: readonly string[]): Change {
  const title = serverTitle(scene.section, server.name);
  return { steps: [], reasons: whys.map((why) => `${title}: ${why}`) };
}
