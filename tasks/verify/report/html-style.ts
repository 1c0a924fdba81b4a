import { topologyStyle } from './svg.js';

/**
 * The page's rules. Colours are variables, so that paper is always light. In print everything is unfolded, where the
 * browser knows ::details-content, and lines wrap instead of being cut.
 */
export const pageStyle = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --raised: #f6f8fa; --ink: #1f2328; --faint: #59636e; --line: #c4cad1;
  --good: #1a7f37; --bad: #c4202b; --known: #8a5a00; --odd: #8250df; --link: #0b5cad;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #0f1318; --raised: #1a2027; --ink: #e6edf3; --faint: #9aa5b1; --line: #414a54;
    --good: #56d364; --bad: #ff7b72; --known: #e3b341; --odd: #d2a8ff; --link: #6cb6ff;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 82rem; padding: 1.5rem; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; } h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem; } h3 { font-size: .95rem; margin: 1rem 0 .3rem; }
article + article { border-top: 2px solid var(--line); margin-top: 2.5rem; padding-top: 1.5rem; }
a { color: var(--link); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1.2rem; margin: 0; }
dt { color: var(--faint); } dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: 1rem 0; overflow-x: auto; } figure svg { max-width: 100%; min-width: 40rem; height: auto; }
.summary { font-weight: 600; }
.badge { display: inline-block; border: 1px solid; border-radius: 1em; padding: 0 .6em; font-size: .8rem; font-weight: 600; white-space: nowrap; }
.pass { color: var(--good); } .fail, .error { color: var(--bad); } .broken { color: var(--known); } .unexpected { color: var(--odd); } .skip { color: var(--faint); }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; padding: 0 .9rem; }
summary { cursor: pointer; padding: .5rem 0; } summary .took { float: right; color: var(--faint); }
details[open] > summary { border-bottom: 1px solid var(--line); } details > :last-child { margin-bottom: .9rem; }
.reason { border-left: 3px solid var(--line); padding-left: .8rem; white-space: pre-line; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { border: 1px solid var(--line); padding: .25rem .6rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; white-space: pre-line; }
th { background: var(--raised); } td.ok, th.ok { width: 4rem; text-align: center; } tr.bad td { color: var(--bad); }
pre { background: var(--raised); border: 1px solid var(--line); border-radius: 6px; margin: .4rem 0; padding: .6rem .8rem; overflow-x: auto; font: 12.5px/1.45 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
pre b { color: var(--link); } pre i { color: var(--faint); font-style: normal; } pre i.bad { color: var(--bad); }
${topologyStyle}
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; overflow: visible; }
  figure { overflow: visible; } figure svg { min-width: 0; }
  figure, tr, summary { break-inside: avoid; } summary, h2, h3 { break-after: avoid; }
  details::details-content { content-visibility: visible; block-size: auto; }
}`;
