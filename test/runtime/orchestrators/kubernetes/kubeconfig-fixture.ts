import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seconds } from '../../../../model/units.ts';
import { openClient } from '../../../../runtime/orchestrators/kubernetes/client.ts';
import type { Client, Clock } from '../../../../runtime/orchestrators/kubernetes/client.ts';
import { connect } from '../../../../runtime/orchestrators/kubernetes/connect.ts';
import { token } from './scripted-api-server.ts';
import type { ScriptedServer } from './scripted-api-server.ts';

export interface Folder extends Disposable {
  readonly path: string;
  write: (name: string, content: string, mode?: number) => string;
}

export function temporaryFolder(): Folder {
  const path = mkdtempSync(join(tmpdir(), 'berth-kubeconfig-'));
  return {
    path,
    write: (name, content, mode = 0o600) => {
      writeFileSync(join(path, name), content, { mode });
      return join(path, name);
    },
    [Symbol.dispose]: () => {
      rmSync(path, { recursive: true, force: true });
    },
  };
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** A kubeconfig with one of everything, called `site`. JSON is YAML. */
export const kubeconfig = ({
  server,
  authority,
  user = { token },
  cluster = {},
  name = 'site',
}: {
  readonly server: string;
  readonly authority?: string;
  readonly user?: object;
  readonly cluster?: object;
  readonly name?: string;
}): string =>
  JSON.stringify({
    'apiVersion': 'v1',
    'kind': 'Config',
    'current-context': name,
    'clusters': [
      { name, cluster: { server, ...(authority === undefined ? {} : { 'certificate-authority-data': base64(authority) }), ...cluster } },
    ],
    'users': [{ name, user }],
    'contexts': [{ name, context: { cluster: name, user: name, namespace: 'hello' } }],
  });

export const withCertificate = ({ certificate, key }: { readonly certificate: string; readonly key: string }): object => ({
  'client-certificate-data': base64(certificate),
  'client-key-data': base64(key),
});

export interface TestClock extends Clock {
  /** How long each sleep was asked to be, in milliseconds. */
  readonly slept: number[];
  /** Lets all that has a deadline run into it. */
  expire: () => void;
}

/** Time that passes when it is told to. */
export function testClock(start = '2026-12-01T12:00:00Z'): TestClock {
  let now = Date.parse(start);
  const slept: number[] = [];
  const deadlines: AbortController[] = [];
  return {
    slept,
    now: () => new Date(now),
    sleep: (milliseconds, signal) => {
      slept.push(milliseconds);
      now += milliseconds;
      return signal?.aborted ? Promise.reject(new Error('stopped')) : Promise.resolve();
    },
    deadline: () => {
      const controller = new AbortController();
      deadlines.push(controller);
      return controller.signal;
    },
    expire: () => {
      for (const controller of deadlines) controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'));
    },
  };
}

interface ClientOptions {
  readonly user?: object;
  readonly cluster?: object;
  /** Another address or authority than the stand-in's. */
  readonly server?: string;
  readonly authority?: string;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

/** A client of the stand-in, by way of a kubeconfig on disk. */
export async function clientOf(stand: Pick<ScriptedServer, 'url' | 'authority'>, options: ClientOptions = {}): Promise<Client> {
  using folder = temporaryFolder();
  const { user, cluster, server = stand.url, authority = stand.authority.certificate, clock = testClock(), signal } = options;
  const file = folder.write('config', kubeconfig({ server, authority, ...(user ? { user } : {}), ...(cluster ? { cluster } : {}) }));
  const connection = await connect({ kubeconfig: file, env: {}, now: new Date() });
  return openClient(connection, { timeout: seconds(15), clock, ...(signal ? { signal } : {}) });
}
