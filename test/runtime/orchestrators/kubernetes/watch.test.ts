import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { follow } from '../../../../runtime/orchestrators/kubernetes/watch.ts';
import { clientOf } from './kubeconfig-fixture.ts';
import { startScriptedServer, status } from './scripted-api-server.ts';
import type { Asked, Reply } from './scripted-api-server.ts';

const pod = (phase: string, resourceVersion: string) => ({ metadata: { name: 'a', resourceVersion }, status: { phase } });
const event = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`;
const list = (phase: string, resourceVersion: string): Reply => ({
  body: { metadata: { resourceVersion }, items: [pod(phase, resourceVersion)] },
});

type Watching = (response: ServerResponse) => Reply | undefined;

/** Lists and watches in the order that the client asks for them. */
function scripted(lists: readonly Reply[], watches: readonly Watching[]) {
  const left = { lists: [...lists], watches: [...watches] };
  return startScriptedServer(({ query }: Asked, response) => {
    if (query['watch'] === undefined) return left.lists.shift() ?? status(500, 'the script has no more lists');
    return left.watches.shift()?.(response) ?? undefined;
  });
}

const stream =
  (end: 'cut' | 'end', ...pieces: readonly string[]): Watching =>
  (response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.write(pieces.join(''), () => {
      if (end === 'end') response.end();
      else response.destroy();
    });
    return undefined;
  };

/** Phases as they are seen, until `last`. */
async function phases(stand: Awaited<ReturnType<typeof scripted>>, last: string): Promise<readonly string[]> {
  const seen: string[] = [];
  const signal = new AbortController().signal;
  for await (const { object, gone } of follow<ReturnType<typeof pod>>(await clientOf(stand), '/api/v1/namespaces/hello/pods', {
    deed: 'watch pods',
    signal,
  })) {
    seen.push(gone ? 'gone' : object.status.phase);
    if (seen.at(-1) === last) break;
  }
  return seen;
}
const watchedFrom = (stand: Awaited<ReturnType<typeof scripted>>): readonly (string | undefined)[] =>
  stand.asked.filter(({ query }) => query['watch'] !== undefined).map(({ query }) => query['resourceVersion']);

describe('following a pod, against the scripted stand-in', () => {
  test('shows it as it is and then each change', async () => {
    await using stand = await scripted(
      [list('Pending', '5')],
      [stream('end', event('MODIFIED', pod('Running', '6')), event('DELETED', pod('Running', '7')))],
    );
    expect(await phases(stand, 'gone')).toEqual(['Pending', 'Running', 'gone']);
  });

  test('goes on where a connection was cut, and takes half a line for none', async () => {
    const whole = event('MODIFIED', pod('Succeeded', '8'));
    await using stand = await scripted(
      [list('Pending', '5')],
      [stream('cut', event('MODIFIED', pod('Running', '6')), whole.slice(0, 30)), stream('end', whole)],
    );
    expect(await phases(stand, 'Succeeded')).toEqual(['Pending', 'Running', 'Succeeded']);
    expect(watchedFrom(stand)).toEqual(['5', '6']);
  });

  test('puts together a line that comes in two pieces', async () => {
    const line = event('MODIFIED', pod('Running', '6'));
    await using stand = await scripted(
      [list('Pending', '5')],
      [
        (response) => {
          response.writeHead(200).write(line.slice(0, 20), () => setImmediate(() => response.end(line.slice(20))));
          return undefined;
        },
        stream('end', event('DELETED', pod('Running', '7'))),
      ],
    );
    expect(await phases(stand, 'gone')).toEqual(['Pending', 'Running', 'gone']);
  });

  test('goes on from the bookmark of a watch that ended in silence', async () => {
    await using stand = await scripted(
      [list('Pending', '5')],
      [stream('end', event('BOOKMARK', { metadata: { resourceVersion: '90' } })), stream('end', event('MODIFIED', pod('Running', '91')))],
    );
    expect(await phases(stand, 'Running')).toEqual(['Pending', 'Running']);
    expect(watchedFrom(stand)).toEqual(['5', '90']);
  });

  test.each<{ how: string; gone: Watching }>([
    { how: 'as an answer', gone: () => status(410, 'too old resource version', 'Expired') },
    { how: 'as an event', gone: stream('end', event('ERROR', { kind: 'Status', code: 410 })) },
  ])('lists anew when the server has forgotten the place: 410 Gone $how', async ({ gone }) => {
    await using stand = await scripted(
      [list('Pending', '5'), list('Running', '70')],
      [gone, stream('end', event('MODIFIED', pod('Succeeded', '71')))],
    );
    expect(await phases(stand, 'Succeeded')).toEqual(['Pending', 'Running', 'Succeeded']);
    expect(watchedFrom(stand)).toEqual(['5', '70']);
  });

  test('does not go on where it is forbidden', async () => {
    await using stand = await scripted([list('Pending', '5')], [() => status(403, 'pods is forbidden')]);
    await expect(phases(stand, 'Running')).rejects.toMatchObject({
      name: 'BerthError',
      message: expect.stringContaining('may not watch pods') as string,
    });
  });

  test('gives up when nobody answers again and again', async () => {
    const cut: Watching = (response) => {
      response.destroy();
      return undefined;
    };
    await using stand = await scripted(
      [list('Pending', '5')],
      Array.from({ length: 9 }, () => cut),
    );
    await expect(phases(stand, 'Running')).rejects.toMatchObject({ name: 'BerthError', message: expect.stringContaining('cut') as string });
    expect(watchedFrom(stand)).toHaveLength(6);
  });

  test('ends without an error when the signal says so', async () => {
    const stop = new AbortController();
    await using stand = await scripted(
      [list('Pending', '5')],
      [
        (response) => {
          response.writeHead(200).flushHeaders();
          setImmediate(() => stop.abort());
          return undefined;
        },
      ],
    );
    const seen = [];
    for await (const { object } of follow(await clientOf(stand), '/api/v1/pods', { deed: 'watch pods', signal: stop.signal }))
      seen.push(object);
    expect(seen).toHaveLength(1);
  });
});
