import { hostname } from "node:os";
import { expect, test } from "vitest";
import { AppError } from "../../../src/core/errors.ts";
import type { Haproxy } from "../../../src/core/haproxy.ts";
import type { PeersSettings } from "../../../src/core/peers.ts";
import { createLocalPeer } from "../../../src/render/local-peer.ts";

const SETTINGS: PeersSettings = {
  local: undefined,
  announce: undefined,
  members: [],
  instancesFile: undefined,
  table: undefined,
};
const call = { signal: new AbortController().signal };

/** A HAProxy that says these names, one time after the other; undefined: it does not answer. */
function haproxy(...answers: readonly (readonly string[] | undefined)[]): Haproxy {
  let asked = 0;
  const other = () => Promise.reject(new Error("nobody was to ask that"));
  return {
    ...{ plan: other, compare: other, startedAtMs: other, holdsUp: other, learns: other, reload: other },
    async localPeers() {
      const answer = answers[asked++];
      if (answer === undefined) throw new AppError("E_HAPROXY", "nobody listens there");
      return answer;
    },
  };
}

test("a person's word is not asked twice", async () => {
  const local = createLocalPeer({ ...SETTINGS, local: "lb1" }, haproxy(["other"]));
  expect(await local(call)).toEqual({ names: ["lb1"], from: "settings", certain: true });
});

test("HAProxy is asked each time: it may have been started again under another name", async () => {
  const local = createLocalPeer(SETTINGS, haproxy(["lb1", "lb2"], ["lb9"]));
  expect(await local(call)).toEqual({ names: ["lb1", "lb2"], from: "haproxy", certain: true });
  expect((await local(call)).names).toEqual(["lb9"]);
});

test("while it does not run it goes by what it said last, and before that by the host name", async () => {
  const local = createLocalPeer(SETTINGS, haproxy(undefined, ["lb1"], undefined));
  expect(await local(call)).toEqual({ names: [hostname()], from: "host name", certain: false });
  expect(await local(call)).toEqual({ names: ["lb1"], from: "haproxy", certain: true });
  expect(await local(call)).toEqual({ names: ["lb1"], from: "haproxy", certain: false });
});

test("without a socket it is the host name, for good", async () => {
  const local = createLocalPeer(SETTINGS, undefined);
  expect(await local(call)).toEqual({ names: [hostname()], from: "host name", certain: true });
});

test("a fault of ours is no answer of HAProxy's", async () => {
  const broken = { ...haproxy(), localPeers: () => Promise.reject(new TypeError("a fault")) };
  await expect(createLocalPeer(SETTINGS, broken)(call)).rejects.toThrow("a fault");
});
