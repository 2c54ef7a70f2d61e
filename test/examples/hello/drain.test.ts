import { once } from 'node:events';
import http from 'node:http';
import { expect, test } from 'vitest';
import { runApp } from './fakes.ts';

/** A clock that stands still until it is told to go on. */
function handClock() {
  let at = 0;
  return { elapsed: () => at, pass: (ms: number) => void (at += ms) };
}

test('while draining, /readyz is 503 and everything else is still served, with a closed connection', async () => {
  const { elapsed, pass } = handClock();
  await using running = await runApp({ elapsed });
  const stopped = running.app.stop({ quietMs: 1500, limitMs: 20_000 });
  const ready = await fetch(`${running.url}/readyz`);
  expect([ready.status, await ready.text()]).toEqual([503, 'draining\n']);
  const visit = await fetch(`${running.url}/api/visits`);
  expect([visit.status, visit.headers.get('connection')]).toEqual([200, 'close']);
  pass(1500);
  await stopped;
  await expect(fetch(`${running.url}/livez`)).rejects.toThrow();
});

test('a request that was under way is answered, and told to close its connection', async () => {
  await using running = await runApp();
  const arrived = once(running.app.server, 'request');
  const slow = fetch(`${running.url}/slow?ms=300`);
  await arrived;
  const stopped = running.app.stop({ quietMs: 0, limitMs: 60_000 });
  const answer = await slow;
  expect([answer.status, answer.headers.get('connection')]).toEqual([200, 'close']);
  await stopped;
  expect(running.entries.at(-1)).toMatchObject({ event: 'stopped', because: 'idle' });
});

test('probes do not keep the process alive, clients do', async () => {
  const { elapsed, pass } = handClock();
  await using running = await runApp({ elapsed });
  let stopped = false;
  const stopping = running.app.stop({ quietMs: 1500, limitMs: 20_000 }).then(() => (stopped = true));
  for (let i = 0; i < 4; i++) {
    pass(1000);
    await fetch(`${running.url}/api/env`);
  }
  expect(stopped).toBe(false);
  pass(1000);
  await fetch(`${running.url}/readyz`);
  pass(500);
  await stopping;
});

test('the limit ends what would not end by itself', async () => {
  const { elapsed, pass } = handClock();
  await using running = await runApp({ elapsed });
  const arrived = once(running.app.server, 'request');
  const slow = fetch(`${running.url}/slow?ms=20000`).then(
    () => 'answered',
    () => 'cut',
  );
  await arrived;
  const stopped = running.app.stop({ quietMs: 0, limitMs: 100 });
  pass(100);
  await stopped;
  expect(await slow).toBe('cut');
  expect(running.entries.find((entry) => entry['event'] === 'stopped')).toMatchObject({ because: 'limit' });
});

test('an event stream is ended in order, so that its client comes back elsewhere', async () => {
  await using running = await runApp();
  const answer = await fetch(`${running.url}/events`);
  const stopped = running.app.stop({ quietMs: 50, limitMs: 5000 });
  expect(await answer.text()).toContain('event: tick');
  await stopped;
});

test('a second signal changes nothing', async () => {
  await using running = await runApp();
  const first = running.app.stop({ quietMs: 0, limitMs: 1000 });
  expect(running.app.stop()).toBe(first);
  await first;
});

test('an idle connection is kept longer than a proxy keeps it', async () => {
  await using running = await runApp();
  const agent = new http.Agent({ keepAlive: true });
  const header = await new Promise((resolve, reject) =>
    http
      .get({ port: running.port, host: '127.0.0.1', path: '/livez', agent }, (answer) => resolve(answer.resume().headers['keep-alive']))
      .on('error', reject),
  );
  agent.destroy();
  expect(header).toBe('timeout=75');
});
