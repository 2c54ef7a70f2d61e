import { createHash } from 'node:crypto';
import { Html, html } from './html.ts';

const style = `
:root{color-scheme:light dark;--ink:light-dark(#1c2733,#e4ebf2);--soft:light-dark(#566473,#a3b1bf);--paper:light-dark(#f6f8fa,#11181f);--card:light-dark(#fff,#1a232c);--line:light-dark(#d5dde5,#33404d);--sea:light-dark(#0b5c8a,#7cc4ee);--good:light-dark(#116329,#6fd28b);--bad:light-dark(#a31621,#ff9a93)}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,sans-serif}
main{max-width:46rem;margin:0 auto;padding:2rem 1.25rem 4rem}
h1{font-size:1.9rem;margin:0}h2{font-size:1.15rem;margin:0 0 .75rem}
.lead{margin:.25rem 0 1.5rem;color:var(--soft)}
section{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:1.1rem 1.25rem;margin:0 0 1rem}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.9rem;margin:0}
dt{color:var(--soft);font-size:.85rem}dd{margin:0;font-size:1.15rem;font-weight:600;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}caption{text-align:left;color:var(--soft);padding-bottom:.4rem}
th,td{text-align:left;padding:.4rem .75rem .4rem 0;border-top:1px solid var(--line);font-weight:400}thead th{border:0;color:var(--soft);font-size:.85rem}
.good{color:var(--good)}.bad{color:var(--bad)}.good,.bad{font-weight:600}
ul{list-style:none;margin:0 0 1rem;padding:0}li{border-top:1px solid var(--line);padding:.55rem 0}
li p{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}time,.hint{color:var(--soft);font-size:.85rem}
label{display:block;font-weight:600}textarea{width:100%;min-height:5rem;font:inherit;color:inherit;background:var(--paper);border:1px solid var(--soft);border-radius:.4rem;padding:.5rem;margin:.3rem 0}
button{font:inherit;font-weight:600;border:0;border-radius:.4rem;padding:.5rem 1.1rem;background:var(--sea);color:var(--paper);cursor:pointer}
a{color:var(--sea)}:focus-visible{outline:3px solid var(--sea);outline-offset:2px}
`;

const styleHash = createHash('sha256').update(style).digest('base64');

function frame(title: string, content: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
${new Html(`<style>${style}</style>`)}
</head>
<body>
<main>
${content}
</main>
</body>
</html>
`.toString();
}

/** What every page shares. The policy allows this one style sheet, by its hash, and nothing from anywhere else. */
export const layout = {
  frame,
  contentSecurityPolicy: `default-src 'none'; style-src 'sha256-${styleHash}'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  problem: (status: number, message: string): string =>
    frame(`${status}`, html`<h1>${message}</h1>\n<p class="lead">Status ${status}</p>\n<p><a href="/">Back to the start</a></p>`),
};
