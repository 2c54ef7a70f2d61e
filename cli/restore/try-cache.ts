import { redis } from '../../model/engines/redis.ts';
import { valkey } from '../../model/engines/valkey.ts';
import { localPrograms, outputOf } from '../../runtime/programs/local-programs.ts';
import type { OpenedCopy } from './open-copy.ts';
import { loadSite } from '../site.ts';
import type { RuntimeContext } from '../stoppable.ts';

const engines = { valkey, redis } as const;
const { dataFolder } = valkey;

/** What a copy held when a server had loaded it. */
interface Tried {
  readonly file: string;
  readonly databases: Readonly<Record<string, number>>;
  /** Keys that were due to vanish by now. */
  readonly expired: number;
}

/** Shell: loads what comes by the standard input, says what that is, and ends. Nobody can reach it: it has no port and no network. */
const tryScript = ({ server, client }: { readonly server: string; readonly client: string }): string =>
  [
    'set -eu',
    'cat >dump.rdb',
    `${server} --port 0 --unixsocket /tmp/try.sock --dir "$PWD" --dbfilename dump.rdb --appendonly no --save '' >/tmp/log 2>&1 &`,
    'tries=0',
    `until [ "$(${client} -s /tmp/try.sock ping 2>/dev/null)" = PONG ]; do`,
    '  kill -0 $! 2>/dev/null || { tail -n 3 /tmp/log >&2; exit 1; }',
    '  sleep 0.1',
    'done',
    `${client} -s /tmp/try.sock info keyspace`,
    "sed -n 's/.*keys expired: \\([0-9]*\\).*/expired:\\1/p' /tmp/log",
    `${client} -s /tmp/try.sock shutdown nosave || true`,
  ].join('\n');

/** Loads every file of a copy into a server of the cache's own image, which is thrown away. */
export async function tryCopies(
  { site, cache }: { readonly site: string; readonly cache: string },
  { planned, open }: OpenedCopy,
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<readonly Tried[]> {
  const { plan } = loadSite(site, context);
  const found = plan.caches.find((each) => each.cache === cache);
  const node = plan.services.find(({ name }) => name === found?.members[0]);
  const image = plan.images.find(({ key }) => key === found?.engine)?.reference;
  if (node === undefined || image === undefined) throw new Error(`the plan has no image for ${cache}`);
  const { user, size } = node;
  const engine = engines[found?.engine as keyof typeof engines];
  const confined = ['run', '--rm', '-i', '--network', 'none', '--read-only', '--cap-drop', 'ALL', '--tmpfs', '/tmp', '--user', user];
  const limits = ['--memory', `${size.memory * 2}m`, '--pids-limit', '64', '--volume', dataFolder, '--workdir', dataFolder];
  const tried: Tried[] = [];
  for (const { name } of planned.files) {
    const argv = ['docker', ...confined, ...limits, '--entrypoint', '/bin/sh', image, '-c', tryScript(engine)] as const;
    const said = await outputOf(localPrograms({ ...process.env, ...context.env }), { argv, input: open(name) }, signal);
    tried.push({
      file: name,
      databases: Object.fromEntries([...said.matchAll(/^(db\d+):keys=(\d+)/gm)].map(([, database, keys]) => [database, Number(keys)])),
      expired: Number(/^expired:(\d+)/m.exec(said)?.[1] ?? 0),
    });
  }
  return tried;
}
