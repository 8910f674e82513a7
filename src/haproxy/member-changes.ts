import type { RuntimeStep } from "./difference.ts";
import { byName, isInOrder, keepsBackupOrder } from "./members.ts";
import { addition, removal, whyMembersAreFixed } from "./membership.ts";
import type { Change, Scene } from "./scene.ts";
import { changeServer } from "./server-change.ts";
import { titleOf } from "./wording.ts";

/** What the servers of one section have to be told, and what must wait until their sessions have ended. */
export interface MemberChange extends Change {
  readonly last: readonly RuntimeStep[];
}

/** Compares the servers of a section: first those that come, then those that stay, then those that go. */
export function changeMembers(scene: Scene): MemberChange {
  const [then, now] = [byName(scene.members.before), byName(scene.members.after)];
  const added = [...now].filter(([key]) => !then.has(key)).map(([, server]) => addition(server, scene));
  const kept = [...now].flatMap(([key, server]) => {
    const before = then.get(key);
    return before === undefined ? [] : [changeServer([before, server], scene)];
  });
  const removed = [...then].filter(([key]) => !now.has(key)).map(([, server]) => removal(server, scene));
  const changes: Change[] = [...added, ...kept, ...removed];
  const isMoved = added.length + removed.length > 0 || !isInOrder(scene.members);
  return {
    steps: changes.flatMap(({ steps }) => steps),
    last: removed.flatMap(({ last }) => last),
    reasons: [...(isMoved ? orderReasons(scene) : []), ...changes.flatMap(({ reasons }) => reasons)],
  };
}

function orderReasons(scene: Scene): string[] {
  const title = titleOf(scene.section);
  if (!keepsBackupOrder(scene.members)) return [`${title}: the order of its backup servers changes`];
  const why = isInOrder(scene.members) ? undefined : whyMembersAreFixed(scene);
  return why === undefined ? [] : [`${title}: its servers stand in another order: ${why}`];
}
