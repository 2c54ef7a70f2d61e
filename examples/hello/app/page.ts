import type { Check, HealthDocument } from './health.ts';
import { html, type Html } from './html.ts';
import { layout } from './layout.ts';
import { NOTE_LIMIT_BYTES, type Note } from './note.ts';
import { reasonOf, within } from './reason.ts';

/** A value, or in one word why there is none. */
export type Outcome<T> = { readonly value: T } | { readonly missing: string };

export interface StartView {
  readonly version: string;
  readonly slot: string;
  readonly host: string;
  readonly domain: string;
  readonly visits: Outcome<number>;
  readonly hits: Outcome<number>;
  readonly notes: Outcome<readonly Note[]>;
  readonly health: HealthDocument;
}

/** A part of the page that cannot be had in time is left out of it, and says so. */
export async function outcomeOf<T>(milliseconds: number, work: Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await within(milliseconds, work) };
  } catch (error) {
    return { missing: reasonOf(error) };
  }
}

const serviceTitles = { database: 'Database', redis: 'Cache', storage: 'Object storage' } as const;

const fact = (term: string, description: string | Html): Html => html`<div><dt>${term}</dt><dd>${description}</dd></div>`;
const down = (what: string, reason: string): Html => html`<span class="bad">${what} is down (${reason})</span>`;
const counted = (outcome: Outcome<number>, source: string): string | Html =>
  'value' in outcome ? outcome.value.toLocaleString('en') : down(source, outcome.missing);

function checkRow(title: string, check: Check): Html {
  const status = check.status === 'healthy' ? html`<span class="good">✓ healthy</span>` : html`<span class="bad">✗ ${check.status}</span>`;
  return html`<tr><th scope="row">${title}</th><td>${status}</td><td>${check.latencyMs} ms</td><td>${check.error ?? '–'}</td></tr>\n`;
}

function noteList(notes: Outcome<readonly Note[]>): Html {
  if ('missing' in notes) return html`<p>${down('Object storage', notes.missing)}</p>`;
  if (notes.value.length === 0) return html`<p class="hint">No notes yet.</p>`;
  const item = ({ text, createdAt }: Note): Html => {
    const at = createdAt.toISOString();
    return html`<li><p>${text}</p><time datetime="${at}">${at.slice(0, 16).replace('T', ' ')} UTC</time></li>\n`;
  };
  return html`<ul>\n${notes.value.map(item)}</ul>`;
}

export function startPage({ version, slot, host, domain, visits, hits, notes, health }: StartView): string {
  const rows = (Object.keys(serviceTitles) as (keyof typeof serviceTitles)[]).map((name) =>
    checkRow(serviceTitles[name], health.checks[name]),
  );
  return layout.frame(
    `Hello from ${domain}`,
    html`<h1>Hello from ${domain}</h1>
<p class="lead">A small application with a database, a cache and an object store, here to show that they work.</p>
<section aria-label="This visit">
<dl>
${fact('Visits', counted(visits, 'Database'))}
${fact('Page hits', counted(hits, 'Cache'))}
${fact('Version', version)}
${fact('Slot', slot)}
${fact('Container', host)}
</dl>
</section>
<section>
<h2>Health: ${health.status}</h2>
<table>
<caption>What this application depends on, as seen from this container</caption>
<thead><tr><th scope="col">Part</th><th scope="col">Status</th><th scope="col">Answered in</th><th scope="col">Reason</th></tr></thead>
<tbody>
${rows}</tbody>
</table>
</section>
<section id="notes">
<h2>Notes</h2>
${noteList(notes)}
<form method="post" action="/notes">
<label for="text">Leave a note</label>
<textarea id="text" name="text" required maxlength="${NOTE_LIMIT_BYTES}" aria-describedby="limit"></textarea>
<p class="hint" id="limit">Plain text, up to ${NOTE_LIMIT_BYTES.toLocaleString('en')} bytes. Everybody who visits can read it.</p>
<button type="submit">Leave note</button>
</form>
</section>`,
  );
}
