import type { ClusterContext } from '../../cli/cluster.ts';
import { kubeconfig, temporaryFolder, testClock } from '../runtime/orchestrators/kubernetes/kubeconfig-fixture.ts';
import type { Folder } from '../runtime/orchestrators/kubernetes/kubeconfig-fixture.ts';
import type { ScriptedServer } from '../runtime/orchestrators/kubernetes/scripted-api-server.ts';

export interface World extends Disposable {
  readonly context: ClusterContext;
  readonly options: { readonly kubeconfig: string; readonly timeout: string };
  readonly folder: Folder;
  readonly out: () => string;
  readonly code: () => number;
}

/** What a verb sees of the world when the cluster is the scripted stand-in. */
export function worldOf(stand: ScriptedServer, env: Readonly<Record<string, string | undefined>> = {}): World {
  const folder = temporaryFolder();
  const file = folder.write('config', kubeconfig({ server: stand.url, authority: stand.authority.certificate }));
  let text = '';
  let code = 0;
  return {
    folder,
    options: { kubeconfig: file, timeout: '15' },
    out: () => text,
    code: () => code,
    context: {
      cwd: folder.path,
      root: process.cwd(),
      now: () => new Date(),
      random: (count) => Buffer.alloc(count, 1),
      interactive: false,
      terminal: false,
      uninterrupted: (step) => Promise.resolve(step()),
      color: false,
      columns: 110,
      out: (more) => {
        text += more;
      },
      err: (more) => {
        text += more;
      },
      env,
      clock: testClock(),
      abortable: (work) => work(new AbortController().signal),
      exit: (wanted) => {
        code = wanted;
      },
    },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}
