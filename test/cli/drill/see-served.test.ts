import { describe, expect, test } from 'vitest';
import type { Compose } from '../../../cli/compose.ts';
import { seeServed } from '../../../cli/drill/see-served.ts';
import type { RuntimeContext } from '../../../cli/stoppable.ts';
import { helloPlan, smallHost } from '../../generator/render/hello.ts';

const plan = helloPlan({ target: 'compose', profile: 'minimum', host: smallHost });
const listed =
  'edge running 0 healthy\ndatabase-accounts exited 0 \ndatabase running 0 \nweb-blue running 0 unhealthy\nfiles exited 137 \n';

/** Compose as a function that says what it is told to. */
function scripted({ up = '', status = '200' }: { readonly up?: string; readonly status?: string }) {
  const asked: string[] = [];
  const compose: Compose = (words) => {
    asked.push(words.join(' '));
    const [verb] = words;
    if (verb === 'up' && up !== '') return Promise.reject(new Error(up));
    if (verb === 'exec' && status === '') return Promise.reject(new Error('exit 7'));
    return Promise.resolve(
      verb === 'exec' ? status : verb === 'ps' ? listed : verb === 'logs' ? `last words of ${words.at(-1)}\nand more\n` : '',
    );
  };
  let said = '';
  const context = { err: (text: string) => (said += text) } as unknown as RuntimeContext;
  const see = () => seeServed({ compose, plan, site: '/srv/drill/site' }, context, new AbortController().signal);
  return { see, asked, said: () => said };
}

describe('a site that came back', () => {
  test.each(['200', '302', '401', '404'])('serves when each route answers, also with %s', async (status) => {
    const { see, asked } = scripted({ status });
    expect(await see()).toEqual(
      ['', 'api/', 'events', 'upload'].map((path) => ({ url: `https://localhost/${path}`, status: Number(status) })),
    );
    expect(asked[0]).toBe('up -d --wait');
    expect(asked[1]).toMatch(/^exec -T edge sh -c curl .*--connect-to ::127\.0\.0\.1:8443 https:\/\/localhost\/$/);
    expect(asked.slice(1).map((words) => words.includes(' --head '))).toEqual([false, false, true, true]);
  });

  test('is asked in the words of a proxy where it hears nothing else', async () => {
    const { see, asked } = scripted({});
    await see();
    expect(asked[1]).not.toContain('--haproxy-protocol');
    const proxied = helloPlan({
      target: 'compose',
      profile: 'minimum',
      host: smallHost,
      set: { 'edge.proxyProtocol': true, 'edge.trustedProxies': ['10.0.0.0/8'] },
    });
    const words: string[] = [];
    const compose: Compose = (given) => {
      words.push(given.join(' '));
      return Promise.resolve('200');
    };
    await seeServed({ compose, plan: proxied, site: '/x' }, {} as RuntimeContext, new AbortController().signal);
    expect(words[1]).toContain('--haproxy-protocol');
  });

  test.each([
    ['500', 'https://localhost/ is not served: status 500'],
    ['503', 'status 503'],
    ['', 'no answer'],
    ['000', 'no answer'],
  ])('does not serve with %s, and the containers that are to blame have the last word', async (status, message) => {
    const { see, said } = scripted({ status });
    await expect(see()).rejects.toMatchObject({ kind: 'unfit', message: expect.stringContaining(message) as string });
    expect(said()).toBe(
      'web-blue running 0 unhealthy\n    last words of web-blue\n    and more\nfiles exited 137\n    last words of files\n    and more\n',
    );
  });

  test('does not serve when not everything comes up', async () => {
    const { see, said } = scripted({ up: 'container shop-web-blue-1 is unhealthy' });
    await expect(see()).rejects.toMatchObject({ kind: 'unfit', message: expect.stringContaining('not everything comes up') as string });
    expect(said()).toContain('last words of web-blue');
  });
});
