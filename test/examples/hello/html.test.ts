import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { html } from '../../../examples/hello/app/html.ts';
import { layout } from '../../../examples/hello/app/layout.ts';
import { newNote, timeOfKey } from '../../../examples/hello/app/note.ts';
import { startPage, type StartView } from '../../../examples/hello/app/page.ts';

const attack = `<script>alert("1")</script>&'`;
const view: StartView = {
  version: '1.4.0',
  slot: 'blue',
  host: 'hello-1',
  domain: 'hello.example.org',
  visits: { value: 1234 },
  hits: { value: 5 },
  notes: { value: [newNote('first', new Date('2026-03-01T12:00:00Z'), crypto.randomUUID())] },
  health: {
    status: 'healthy',
    timestamp: '2026-03-01T12:00:00.000Z',
    version: '1.4.0',
    slot: 'blue',
    uptimeSeconds: 1,
    checks: {
      database: { status: 'healthy', latencyMs: 1 },
      redis: { status: 'healthy', latencyMs: 1 },
      storage: { status: 'healthy', latencyMs: 1 },
    },
  },
};

test('every value in a template is escaped, in text and in attributes', () => {
  expect(html`<p title="${attack}">${attack}</p>`.toString()).toBe(
    '<p title="&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;">&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;</p>',
  );
});

test('HTML inside HTML is not escaped twice', () => {
  expect(html`<ul>${['<', '>'].map((text) => html`<li>${text}</li>`)}</ul>`.toString()).toBe('<ul><li>&lt;</li><li>&gt;</li></ul>');
});

test('nothing that comes from outside reaches the page as markup', () => {
  const notes = { value: [newNote(attack, new Date(0), crypto.randomUUID())] };
  const checks = { ...view.health.checks, redis: { status: 'unhealthy', latencyMs: 1, error: attack } } as const;
  const hostile = {
    ...view,
    version: attack,
    slot: attack,
    host: attack,
    domain: attack,
    hits: { missing: attack },
    notes,
    health: { ...view.health, checks },
  };
  expect(startPage(hostile)).not.toContain('<script');
  expect(layout.problem(400, attack)).not.toContain('<script');
});

test('the policy allows the style sheet of the page by its hash, and no script', () => {
  const style = /<style>([^]*?)<\/style>/.exec(startPage(view))?.[1] ?? '';
  expect(layout.contentSecurityPolicy).toContain(`'sha256-${createHash('sha256').update(style).digest('base64')}'`);
  expect(layout.contentSecurityPolicy).toContain("default-src 'none'");
  expect(layout.contentSecurityPolicy).not.toMatch(/script-src|unsafe/);
});

test('the page names its language, labels its form and heads its table', () => {
  const page = startPage(view);
  expect(page).toContain('<html lang="en">');
  expect(page).toContain('<label for="text">');
  expect(page).toContain('<th scope="row">Database</th>');
  expect(page).toContain('1,234');
  expect(page).not.toMatch(/(src|href)="(https?:)?\/\//);
});

test('a part that is down is named with its reason, and the others stay', () => {
  const page = startPage({ ...view, hits: { missing: 'ECONNREFUSED' }, notes: { missing: 'ETIMEDOUT' } });
  expect(page).toContain('Cache is down (ECONNREFUSED)');
  expect(page).toContain('Object storage is down (ETIMEDOUT)');
  expect(page).toContain('1,234');
});

test('the key of a newer note sorts first and tells its time', () => {
  const older = newNote('a', new Date('2026-03-01T12:00:00.000Z'), crypto.randomUUID());
  const newer = newNote('b', new Date('2026-03-01T12:00:00.001Z'), crypto.randomUUID());
  expect([older.key, newer.key].sort()[0]).toBe(newer.key);
  expect(timeOfKey(older.key)).toEqual(older.createdAt);
  expect(timeOfKey('notes/readme.txt')).toBeUndefined();
});
