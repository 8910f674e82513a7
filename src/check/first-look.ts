import type { Member } from "./member.ts";

/**
 * Asks whoever is newly published and is down from here, before anybody decides about it: who published it has perhaps
 * seen it come back earlier. To be called with the published names before each decision, wherever they were learned.
 */
export function createFirstLook(members: () => readonly Member[]): (published: readonly string[]) => void {
  let before = "";
  return (published) => {
    const names = published.join();
    if (names === before) return;
    before = names;
    for (const member of members()) {
      const { health } = member.memory;
      if (published.includes(member.name) && (health === "down" || health === "drain")) void member.check();
    }
  };
}
