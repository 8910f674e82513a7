/** How the page looks, in light and dark. Colour only ever repeats what a word says. */
export const STATUS_CSS = `
:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --card: #fff; --line: #d9dde3; --ink: #1b1f24; --faint: #5a6370;
  --bad: #b3261e; --degraded: #8a5a00; --waiting: #3b5b8c; --good: #1d6b3a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171b; --card: #1d2127; --line: #333a44; --ink: #e6e9ee; --faint: #9aa4b2;
    --bad: #ff8a80; --degraded: #ffc14d; --waiting: #8db4f0; --good: #6fd694;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; background: var(--ground); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.35rem; margin: 0; }
header p { color: var(--faint); margin: .25rem 0 1rem; }
a { color: inherit; }
section { --mark: var(--good); background: var(--card); border: 1px solid var(--line); border-left: 4px solid var(--mark);
  border-radius: 6px; margin: 0 0 .6rem; padding: .5rem .8rem; }
section.bad { --mark: var(--bad); }
section.degraded { --mark: var(--degraded); }
section.waiting { --mark: var(--waiting); }
h2 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
h2 small { color: var(--faint); font-weight: normal; }
.mark { color: var(--mark); display: inline-block; font-size: .8rem; min-width: 5.2rem; text-transform: uppercase; }
section p { color: var(--faint); margin: .1rem 0 .3rem; overflow-wrap: anywhere; }
section.bad p, section.degraded p { color: var(--ink); }
section p.order { color: var(--degraded); font-weight: 600; }
table { border-collapse: collapse; table-layout: fixed; width: 100%; }
caption, thead { clip-path: inset(50%); height: 1px; overflow: hidden; position: absolute; white-space: nowrap; width: 1px; }
th, td { border-top: 1px solid var(--line); font-weight: normal; overflow-wrap: anywhere; padding: .2rem .6rem .2rem 0;
  text-align: left; vertical-align: top; }
tbody th { font-family: ui-monospace, monospace; font-size: .9rem; }
tbody td:nth-child(2) { color: var(--faint); font-weight: 600; }
col.name { width: 36%; }
col.health { width: 5rem; }
tbody td.up { color: var(--good); }
tbody td.down { color: var(--bad); }
tbody td.drain { color: var(--degraded); }
.published { border: 1px solid currentColor; border-radius: 4px; color: var(--faint); font: 600 .75rem system-ui, sans-serif;
  padding: 0 .3rem; white-space: nowrap; }
@media (max-width: 40rem) { col.name { width: 44%; } col.health { width: 4rem; } }
`;
