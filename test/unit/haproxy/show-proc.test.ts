import { describe, expect, test } from "vitest";
import { parseShowProc } from "../../../src/haproxy/show-proc.ts";

const HEAD = "#<PID>          <type>          <reloads>       <uptime>        <version>      \n";

describe("the list of processes", () => {
  test("2.6: a master, its worker, and old workers, oldest first", () => {
    const text = `${HEAD}2601            master          8 [failed: 0]   1d02h03m04s     2.6.12-1+deb12u4
# workers
2861            worker          0               0d00h00m00s     2.6.12-1+deb12u4
# old workers
2832            worker          1               0d00h00m07s     2.6.12-1+deb12u4
2765            worker          3               0d00h01m01s     2.6.12-1+deb12u4
2803            worker          2               2d01h00m09s     2.6.12-1+deb12u4
# programs
2999            worker          8               0d00h00m01s     -
`;
    expect(parseShowProc(text)).toEqual({
      masterPid: 2601,
      reloads: 8,
      failed: 0,
      worker: { pid: 2861, reloads: 0, uptimeSeconds: 0, version: "2.6.12-1+deb12u4" },
      oldWorkers: [
        { pid: 2765, reloads: 3, uptimeSeconds: 61, version: "2.6.12-1+deb12u4" },
        { pid: 2803, reloads: 2, uptimeSeconds: 176_409, version: "2.6.12-1+deb12u4" },
        { pid: 2832, reloads: 1, uptimeSeconds: 7, version: "2.6.12-1+deb12u4" },
      ],
    });
  });

  test("2.4: a column more, and failures are not counted", () => {
    const text = `#<PID>          <type>          <relative PID>  <reloads>       <uptime>        <version>      
1162            master          0               5               0d00h02m07s     2.4.0          
# workers
1271            worker          1               0               0d00h00m00s     2.4.0          
# old workers
1233            worker          [was: 1]        3               0d00h00m43s     2.4.0          
# programs
`;
    expect(parseShowProc(text)).toEqual({
      masterPid: 1162,
      reloads: 5,
      failed: undefined,
      worker: { pid: 1271, reloads: 0, uptimeSeconds: 0, version: "2.4.0" },
      oldWorkers: [{ pid: 1233, reloads: 3, uptimeSeconds: 43, version: "2.4.0" }],
    });
  });

  test("3.2 after a reload that failed: the worker that goes on stands under old workers, the youngest of them", () => {
    const text = `${HEAD}1623            master          2 [failed: 1]   0d00h00m05s     3.2.26-1       
# workers
# old workers
1600            worker          9               0d00h01m00s     3.2.26-1       
1626            worker          2               0d00h00m05s     3.2.26-1       
`;
    const processes = parseShowProc(text);
    expect(processes?.worker?.pid).toBe(1626);
    expect(processes?.oldWorkers.map(({ pid }) => pid)).toEqual([1600]);
  });

  test("no worker and no failure: none is made up", () => {
    const text = `${HEAD}16              master          2 [failed: 0]   0d00h00m05s     3.2.26-1
# workers
# old workers
15              worker          1               0d00h00m05s     3.2.26-1
`;
    expect(parseShowProc(text)).toMatchObject({ worker: undefined, oldWorkers: [{ pid: 15 }] });
  });

  test("a version that is empty, as of a worker that came before an update", () => {
    const text = `${HEAD}16              master          1 [failed: 0]   0d00h00m05s     2.6.12
# workers
18              worker          0               0d00h00m05s     
`;
    expect(parseShowProc(text)?.worker).toEqual({ pid: 18, reloads: 0, uptimeSeconds: 5, version: "" });
  });

  test.each([
    ["nothing", ""],
    ["the beginning only", `${HEAD}2601            master          8 [fai`],
    [
      "a list that ends before the workers",
      `${HEAD}2601            master          8 [failed: 0]   0d00h00m04s     2.6.12\n`,
    ],
    ["another answer", "Unknown command: 'show proc'\n"],
  ])("%s is no list", (_, text) => {
    expect(parseShowProc(text)).toBeUndefined();
  });
});
