import { describe, expect, test } from "vitest";
import { parseResource } from "../../../src/config/resource-file.ts";
import { AppError } from "../../../src/core/errors.ts";

function parse(text: string, globalPrefix = "") {
  return parseResource({ file: "conf.d/x.toml", name: "x", text, globalPrefix });
}

function problem(text: string): AppError {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error("it was accepted");
}

const CONFD = `
[template]
prefix = "/production"
src = "haproxy.cfg.tmpl"
dest = "/etc/haproxy/haproxy.cfg"
owner = "root"
gid = 0
mode = "0640"
keys = ["/haproxy/mysqlslave", "/haproxy/memcached/"]
check_cmd = "/usr/sbin/haproxy -c -q -f {{.src}}"
reload_cmd = "systemctl reload haproxy"
check_cmd_timeout = "10s"
min_reload_interval = "1m30s"
debounce = "2s"
`;

describe("a template resource", () => {
  test("confd's own file is read as it is", () => {
    expect(parse(CONFD)).toEqual({
      name: "x",
      file: "conf.d/x.toml",
      src: "haproxy.cfg.tmpl",
      dest: "/etc/haproxy/haproxy.cfg",
      keys: ["production/haproxy/mysqlslave/", "production/haproxy/mysqlslave", "production/haproxy/memcached/"],
      prefix: "production",
      mode: 0o640,
      uid: 0,
      gid: 0,
      checkCmd: "/usr/sbin/haproxy -c -q -f {{.src}}",
      reloadCmd: "systemctl reload haproxy",
      checkTimeoutMs: 10_000,
      reloadTimeoutMs: 60_000,
      debounceMs: 2_000,
      minReloadIntervalMs: 90_000,
      outputFormat: undefined,
      escape: "haproxy",
      guard: { minEntries: 0, maxShrinkPercent: 50, allowEmpty: false, confirmAfterMs: undefined },
      haproxy: undefined,
      peers: undefined,
    });
  });
  test("the global prefix stands in front of the resource's own", () => {
    const resource = parse(CONFD, "/dc1/");
    expect(resource.prefix).toBe("dc1/production");
    expect(resource.keys[2]).toBe("dc1/production/haproxy/memcached/");
  });
  test('keys = ["/"] watches everything', () => {
    expect(parse('[template]\nsrc = "a"\ndest = "/a"\nkeys = ["/"]').keys).toEqual([""]);
  });
  test("a file that is not for HAProxy is not escaped for it", () => {
    expect(parse('[template]\nsrc = "a"\ndest = "/etc/motd"').escape).toBe("none");
  });
  test("the guard is read", () => {
    const text =
      '[template]\nsrc = "a"\ndest = "/a"\n[guard]\nmin_entries = 2\nmax_shrink = "25%"\nallow_empty = true\nconfirm_after = "10m"';
    expect(parse(text).guard).toEqual({
      minEntries: 2,
      maxShrinkPercent: 25,
      allowEmpty: true,
      confirmAfterMs: 600_000,
    });
  });
});

describe("[haproxy]", () => {
  const settings = (text: string) => parse(`[template]\nsrc = "a"\ndest = "/a"\n[haproxy]\n${text}`).haproxy;

  test("needs no more than a socket", () => {
    expect(settings('socket = "/run/haproxy/admin.sock"')).toEqual({
      sockets: ["/run/haproxy/admin.sock"],
      masterSockets: [],
      apply: "runtime",
      onReplace: "keep",
      verify: true,
      maxOldWorkers: undefined,
      maxDelayMs: 60_000,
    });
  });
  test("names several HAProxies, and how a change gets into them", () => {
    const text = `socket = ["/run/a.sock", "10.0.0.2:9999"]
master_socket = ["/run/a-master.sock", "10.0.0.2:9998"]
apply = "reload"
on_replace = "shutdown-sessions"
verify = false
max_old_workers = 3
max_delay = "5m"`;
    expect(settings(text)).toEqual({
      sockets: ["/run/a.sock", "10.0.0.2:9999"],
      masterSockets: ["/run/a-master.sock", "10.0.0.2:9998"],
      apply: "reload",
      onReplace: "shutdown-sessions",
      verify: false,
      maxOldWorkers: 3,
      maxDelayMs: 300_000,
    });
  });
  test.each([
    ["", "conf.d/x.toml: [haproxy] socket is required"],
    ['socket = "admin.sock"', '[haproxy] socket must be an absolute path or host:port (is "admin.sock")'],
    ["socket = 5", "[haproxy] socket must be a string or a list of strings (is 5)"],
    ['socket = ["/a", "/a"]', '[haproxy] socket names "/a" twice'],
    ['socket = ["/a", "/b"]\nmaster_socket = "/m"', "[haproxy] master_socket names 1 for 2 in socket"],
    ['socket = "/a"\nmax_old_workers = 3', "[haproxy] max_old_workers needs master_socket"],
    ['socket = "/a"\nmaster_socket = "/m"\nmax_old_workers = 0', "max_old_workers must be a whole number from 1"],
    ['socket = "/a"\napply = "restart"', '[haproxy] apply must be one of runtime, reload (is "restart")'],
    ['sockets = "/a"', '[haproxy]: unknown key "sockets"'],
  ])("%j is refused", (text, message) => {
    expect(problem(`[template]\nsrc = "a"\ndest = "/a"\n[haproxy]\n${text}`).message).toContain(message);
  });
});

describe("a bad template resource is refused with file, key and remedy", () => {
  const cases: { readonly sentence: string; readonly text: string; readonly says: RegExp; readonly hint?: RegExp }[] = [
    {
      sentence: "a mistyped key names the nearest known one",
      text: '[template]\nsrc = "a"\ndest = "/a"\nrelaod_cmd = "x"',
      says: /conf\.d\/x\.toml: \[template\]: unknown key "relaod_cmd"/,
      hint: /reload_cmd/,
    },
    {
      sentence: "a mistyped table likewise",
      text: "[templates]\n",
      says: /unknown key "templates"/,
      hint: /"template"/,
    },
    { sentence: "no src", text: '[template]\ndest = "/a"', says: /\[template\] src is required/ },
    {
      sentence: "a relative dest",
      text: '[template]\nsrc = "a"\ndest = "a.cfg"',
      says: /dest must be an absolute path/,
    },
    {
      sentence: "a mode that is not octal",
      text: '[template]\nsrc = "a"\ndest = "/a"\nmode = "rw"',
      says: /mode must be octal/,
    },
    {
      sentence: "a number for a text",
      text: '[template]\nsrc = 1\ndest = "/a"',
      says: /src must be a string \(is 1\)/,
    },
    {
      sentence: "a share above the whole",
      text: '[template]\nsrc = "a"\ndest = "/a"\n[guard]\nmax_shrink = "150%"',
      says: /max_shrink must be a share/,
    },
    {
      sentence: "a time that is none",
      text: '[template]\nsrc = "a"\ndest = "/a"\ndebounce = "soon"',
      says: /debounce: "soon" is not a duration/,
    },
    {
      sentence: "TOML that does not parse names the line",
      text: '[template]\nsrc = "a\n',
      says: /conf\.d\/x\.toml:2:/,
    },
    {
      sentence: "an owner who does not exist",
      text: '[template]\nsrc = "a"\ndest = "/a"\nowner = "nobody-has-this-name"',
      says: /owner "nobody-has-this-name" is not in \/etc\/passwd/,
      hint: /uid/,
    },
  ];
  for (const { sentence, text, says, hint } of cases) {
    test(sentence, () => {
      const error = problem(text);
      expect(error.code).toBe("E_CONFIG");
      expect(error.exitCode).toBe(2);
      expect(error.message).toMatch(says);
      if (hint !== undefined) expect(error.hint).toMatch(hint);
    });
  }
});
