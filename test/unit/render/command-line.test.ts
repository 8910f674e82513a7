import { expect, test } from "vitest";
import { commandLine } from "../../../src/render/command-line.ts";

const paths = { src: "/etc/haproxy/.haproxy.cfg.1", dest: "/etc/haproxy/haproxy.cfg" };

test("confd's {{.src}} and {{.dest}}, with and without the dot and blanks, stand for the paths", () => {
  expect(commandLine("haproxy -c -f {{.src}} -f {{src}} -f {{ .src }} # {{.dest}} {{ dest }}", paths)).toBe(
    `haproxy -c -f ${paths.src} -f ${paths.src} -f ${paths.src} # ${paths.dest} ${paths.dest}`,
  );
});

test("other braces and dollar signs are the shell's own business", () => {
  expect(commandLine("echo $HOME {{other}} $& {{src}}", paths)).toBe(`echo $HOME {{other}} $& ${paths.src}`);
});
