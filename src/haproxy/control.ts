import type { Clock } from "../core/clock.ts";
import type { Haproxy, HaproxySettings } from "../core/haproxy.ts";

export function createHaproxy(_settings: HaproxySettings, _clock: Clock): Haproxy {
  throw new Error("being written");
}
