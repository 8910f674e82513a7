import type { Socket } from "node:net";

/** The clients that go on sending when nobody listens any more. */
export interface Unread {
  /**
   * Leaves what else comes in the network: to close with something unread is to reset, which may cost the client its
   * answer, so it is given time to read that. Each such client holds a piece of memory; beyond `most` they are cut off.
   */
  leave(socket: Socket): void;
  forget(socket: Socket): void;
}

/** For at most `most` at a time. */
export function createUnread(most: number): Unread {
  const left = new Set<Socket>();
  return {
    leave(socket) {
      if (left.size >= most) socket.destroy();
      else left.add(socket.pause());
    },
    forget: (socket) => void left.delete(socket),
  };
}
