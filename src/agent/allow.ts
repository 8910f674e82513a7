import { BlockList, isIP } from "node:net";
import { AppError } from "../core/errors.ts";

/** Whether an address may ask. */
export type Admission = (address: string) => boolean;

/** From addresses and CIDRs; undefined, with none: everybody may ask. Throws E_USAGE for what is neither. */
export function parseAllow(words: readonly string[]): Admission | undefined {
  if (words.length === 0) return undefined;
  const list = new BlockList();
  for (const word of words) add(list, word);
  // a BlockList knows IPv4 that came in over an IPv6 socket (::ffff:10.0.0.5) by itself
  return (address) => list.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

function add(list: BlockList, word: string): void {
  const [address = "", prefix, ...more] = word.split("/");
  const version = isIP(address);
  const most = version === 6 ? 128 : 32;
  const bits = prefix === undefined ? most : Number(prefix);
  const isPrefix = prefix === undefined || /^\d{1,3}$/.test(prefix);
  if (version === 0 || more.length > 0 || !isPrefix || bits > most) {
    throw new AppError("E_USAGE", `--allow: "${word}" is neither an address nor a network`, {
      hint: "write 10.0.0.5 or 10.0.0.0/8, several with commas between them",
    });
  }
  list.addSubnet(address, bits, version === 6 ? "ipv6" : "ipv4");
}
