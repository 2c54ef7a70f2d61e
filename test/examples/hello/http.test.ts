import { createHash } from 'node:crypto';
import http from 'node:http';
import { describe, expect, test } from 'vitest';
import { runApp } from './fakes.ts';

const form = (text: string, headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  body: new URLSearchParams({ text }),
  headers,
  redirect: 'manual',
});

describe('probes', () => {
  test('/livez needs nothing', async () => {
    await using running = await runApp();
    Object.assign(running.services.down, { database: 'ECONNREFUSED', redis: 'ECONNREFUSED', storage: 'ECONNREFUSED' });
    running.services.reached = false;
    const answer = await fetch(`${running.url}/livez`);
    expect([answer.status, await answer.text()]).toEqual([200, 'ok\n']);
  });

  test('/readyz waits for the first contact with the database, and a later outage does not take it back', async () => {
    await using running = await runApp();
    running.services.reached = false;
    const before = await fetch(`${running.url}/readyz`);
    expect([before.status, await before.text()]).toEqual([503, 'the database was never reached\n']);
    running.services.reached = true;
    running.services.down.database = 'ECONNREFUSED';
    expect((await fetch(`${running.url}/readyz`)).status).toBe(200);
  });

  test.each([
    ['healthy', {}, 200],
    ['degraded', { redis: 'ECONNREFUSED' }, 503],
    ['degraded', { storage: 'NoSuchBucket' }, 503],
    ['unhealthy', { database: '57P03', redis: 'ECONNREFUSED' }, 503],
  ])('/api/health is %s with %j down, status %i', async (status, down, code) => {
    await using running = await runApp();
    Object.assign(running.services.down, down);
    const answer = await fetch(`${running.url}/api/health`);
    expect(answer.status).toBe(code);
    expect(await answer.json()).toMatchObject({ status, version: '1.4.0', slot: 'green' });
  });

  test('probes are not logged, other requests are, with their id and without their query', async () => {
    await using running = await runApp();
    for (const path of ['/livez', '/readyz', '/api/health']) await fetch(running.url + path);
    const answer = await fetch(`${running.url}/api/env?token=s3cr3t`, { headers: { 'X-Request-ID': 'abc-1' } });
    expect(answer.headers.get('x-request-id')).toBe('abc-1');
    await expect.poll(() => running.entries.length).toBe(1);
    expect(running.entries[0]).toMatchObject({ event: 'request', requestId: 'abc-1', method: 'GET', path: '/api/env', status: 200 });
    expect(JSON.stringify(running.entries)).not.toContain('s3cr3t');
  });

  test('a request id that could forge a log line is replaced', async () => {
    await using running = await runApp();
    const answer = await fetch(`${running.url}/api/env`, { headers: { 'X-Request-ID': 'a b"c' } });
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('the page and its notes', () => {
  test('the page counts visits and hits and carries its policy', async () => {
    await using running = await runApp();
    await fetch(running.url);
    const answer = await fetch(running.url);
    const page = await answer.text();
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(page).toContain('<dt>Visits</dt><dd>2</dd>');
    expect(page).toContain('<dt>Page hits</dt><dd>2</dd>');
    expect(page).toContain('hello-green-1');
  });

  test.each([
    ['database', 'Database is down (ECONNREFUSED)'],
    ['redis', 'Cache is down (ECONNREFUSED)'],
    ['storage', 'Object storage is down (ECONNREFUSED)'],
  ] as const)('the page works without its %s and says so', async (service, words) => {
    await using running = await runApp();
    running.services.down[service] = 'ECONNREFUSED';
    const answer = await fetch(running.url);
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain(words);
  });

  test('a note from the form is stored as object and row, and shown escaped', async () => {
    await using running = await runApp();
    const answer = await fetch(`${running.url}/notes`, form('<b>5 & 6</b>', { Accept: 'text/html' }));
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/#notes']);
    expect([...running.services.objects.keys()]).toEqual([...running.services.rows.keys()]);
    expect(await (await fetch(running.url)).text()).toContain('&lt;b&gt;5 &amp; 6&lt;/b&gt;');
  });

  test('a note from a program is answered in JSON and listed with the newest first', async () => {
    let day = 0;
    await using running = await runApp({ now: () => new Date(Date.UTC(2026, 0, ++day)) });
    const first = await fetch(`${running.url}/notes`, { method: 'POST', body: 'one', headers: { 'Content-Type': 'text/plain' } });
    expect(first.status).toBe(201);
    await fetch(`${running.url}/notes`, form('two'));
    expect(await (await fetch(`${running.url}/api/notes`)).json()).toMatchObject({
      recorded: 2,
      notes: [{ text: 'two' }, { text: 'one' }],
    });
  });

  test.each([
    ['an empty note', form('  '), 400],
    ['a note over 2 KiB', form('é'.repeat(1025)), 413],
    ['a body far over the limit', form('x'.repeat(3_000_000)), 413],
    ['another type of content', { method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json' } }, 415],
    ['a form of another site', form('hi', { 'Sec-Fetch-Site': 'cross-site' }), 403],
  ])('%s is refused', async (_, request, status) => {
    await using running = await runApp();
    const answer = await fetch(`${running.url}/notes`, request);
    expect(answer.status).toBe(status);
    expect(running.services.objects.size).toBe(0);
  });

  test('a note of exactly 2 KiB is accepted, however many bytes its form took', async () => {
    await using running = await runApp();
    expect((await fetch(`${running.url}/notes`, form('é'.repeat(1024)))).status).toBe(201);
  });

  test('a note that cannot be recorded leaves no object behind', async () => {
    await using running = await runApp();
    running.services.down.database = 'ECONNREFUSED';
    const answer = await fetch(`${running.url}/notes`, form('hi'));
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({
      error: 'The database is unavailable at the moment. Please try again.',
      code: 'ECONNREFUSED',
    });
    expect(running.services.objects.size).toBe(0);
  });
});

describe('diagnostics', () => {
  test('/api/visits counts in the database, or tells that it cannot', async () => {
    await using running = await runApp();
    await fetch(`${running.url}/api/visits`);
    expect(await (await fetch(`${running.url}/api/visits`)).json()).toEqual({ visits: 2 });
    running.services.down.database = '57P01';
    expect((await fetch(`${running.url}/api/visits`)).status).toBe(503);
  });

  test('/api/env tells six things and no more', async () => {
    await using running = await runApp();
    const facts = (await (await fetch(`${running.url}/api/env`)).json()) as Record<string, unknown>;
    expect(Object.keys(facts).sort()).toEqual(['heapLimitMiB', 'host', 'node', 'poolSize', 'slot', 'version']);
    expect(facts).toMatchObject({ version: '1.4.0', slot: 'green', host: 'hello-green-1', poolSize: 7, node: process.version });
  });

  test('/echo shows what arrived, without cookies and credentials', async () => {
    await using running = await runApp();
    const headers = { 'X-Forwarded-For': '203.0.113.9', 'Cookie': 'session=s3cr3t', 'Authorization': 'Bearer s3cr3t' };
    const body = await (await fetch(`${running.url}/echo?a=1`, { headers })).text();
    expect(body).not.toContain('s3cr3t');
    expect(JSON.parse(body)).toMatchObject({
      method: 'GET',
      url: '/echo?a=1',
      remoteAddress: '127.0.0.1',
      headers: { 'x-forwarded-for': '203.0.113.9', 'cookie': '[redacted]', 'authorization': '[redacted]' },
    });
  });

  test('/slow answers after the time asked for, and refuses more than 30 s', async () => {
    await using running = await runApp();
    const begun = performance.now();
    expect((await fetch(`${running.url}/slow?ms=60`)).status).toBe(200);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(59);
    for (const ms of ['30001', '-1', 'abc', '1e3']) expect((await fetch(`${running.url}/slow?ms=${ms}`)).status).toBe(400);
  });

  test('/upload measures and hashes any body', async () => {
    await using running = await runApp();
    const body = Buffer.alloc(5_000_000, 'berth');
    const answer = await fetch(`${running.url}/upload`, { method: 'POST', body });
    expect(await answer.json()).toEqual({ length: body.length, sha256: createHash('sha256').update(body).digest('hex') });
  });

  test('/events ticks until the client leaves', async () => {
    await using running = await runApp();
    const leave = new AbortController();
    const answer = await fetch(`${running.url}/events`, { signal: leave.signal });
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    let seen = '';
    for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
      seen += chunk;
      if (seen.includes('"tick":2')) break;
    }
    leave.abort();
    expect(seen).toMatch(/^retry: 1000\n\nid: 1\nevent: tick\ndata: \{"tick":1,/);
  });
});

describe('addresses and methods', () => {
  test.each([
    ['GET', '/nothing', 404],
    ['GET', '/constructor', 404],
    ['GET', '//example.org/', 404],
    ['GET', '/notes', 405],
    ['POST', '/', 405],
    ['HEAD', '/livez', 200],
    ['HEAD', '/events', 200],
    ['GET', '/ws', 426],
  ])('%s %s is answered with %i', async (method, path, status) => {
    await using running = await runApp();
    const seen = await new Promise<number | undefined>((resolve, reject) =>
      http
        .request({ port: running.port, host: '127.0.0.1', method, path }, (answer) => resolve(answer.resume().statusCode))
        .on('error', reject)
        .end(),
    );
    expect(seen).toBe(status);
  });

  test('a browser that is refused gets a page, and the page escapes', async () => {
    await using running = await runApp();
    const answer = await fetch(`${running.url}/nothing`, { headers: { Accept: 'text/html' } });
    expect(answer.headers.get('content-type')).toContain('text/html');
    expect(await answer.text()).toContain('There is nothing at this address.');
  });

  test('an offer to upgrade to something else is ignored, not refused', async () => {
    await using running = await runApp();
    const status = await new Promise<number | undefined>((resolve, reject) =>
      http
        .request(
          { port: running.port, host: '127.0.0.1', path: '/livez', headers: { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c' } },
          (answer) => resolve(answer.resume().statusCode),
        )
        .on('error', reject)
        .end(),
    );
    expect(status).toBe(200);
  });
});
