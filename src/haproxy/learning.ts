/** Both bits: what the other process, and then what the peers had to teach, has been learned or waited for in vain. */
const LEARNED = 0x3;

/**
 * The `peers` sections whose stick tables a HAProxy still learns since its start, from the answer to `show peers`
 * (PEERS_F_RESYNC_FINISHED in its src/peers.c). It takes 5 s at the most from the process before it, and 5 s from the
 * others. Seen on 2.6.12 and 3.0.11: one that is reloaded meanwhile teaches nothing to the next, whose table is empty.
 */
export function stillLearning(text: string): readonly string[] {
  const heads = text.matchAll(/^0x[0-9a-f]+: \[[^\]]*\] id=(\S+) disabled=0 .*?\bflags=0x([0-9a-f]+)/gm);
  return [...heads].flatMap(([, name = "", flags = ""]) =>
    (Number.parseInt(flags, 16) & LEARNED) === LEARNED ? [] : [name],
  );
}
