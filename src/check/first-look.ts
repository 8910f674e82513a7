import { type Published, publishedNames } from "../core/published.ts";
import type { Member } from "./member.ts";

/**
 * Asks whoever is newly published and is down from here, before anybody decides about it: who published it has perhaps
 * seen it come back earlier. To be called before each decision with what is published, wherever it was learned: one
 * object for each time, since the same server may have been replaced and published again between two of them.
 */
export function createFirstLook(members: () => readonly Member[]): (published: Published) => void {
  let before: Published | undefined;
  return (published) => {
    if (published === before) return;
    before = published;
    const names = publishedNames(published);
    for (const member of members()) {
      const { health } = member.memory;
      if (names.includes(member.name) && (health === "down" || health === "drain")) void member.check();
    }
  };
}
