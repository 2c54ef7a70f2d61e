import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { temporarySite } from '../generator/io/site-fixture.ts';

/** What `docker info` of an engine that has everything prints. */
const goodEngine = (root: string): object => ({
  ServerVersion: '28.3.1',
  Name: hostname(),
  NCPU: 64,
  MemTotal: 512 * 2 ** 30,
  DockerRootDir: root,
  Architecture: 'x86_64',
  CgroupVersion: '2',
  MemoryLimit: true,
  SwapLimit: true,
  CpuCfsQuota: true,
  PidsLimit: true,
  SecurityOptions: ['name=apparmor', 'name=seccomp,profile=builtin'],
  LiveRestoreEnabled: true,
  SystemTime: new Date().toISOString(),
});

export interface DockerStandIn extends Disposable {
  /** A PATH on which the stand-in is the only `docker`, and a shell the only other program. */
  readonly path: string;
  /** The folder that it names as Docker's. */
  readonly root: string;
}

/** A stand-in for the `docker` command that answers by script: no engine is behind it. `answers` are outputs by the first words of what is asked. */
export function dockerStandIn(answers: Readonly<Record<string, string>> = {}, engine: object = {}): DockerStandIn {
  const folder = temporarySite();
  const [bin, root] = [join(folder.path, 'bin'), join(folder.path, 'docker-root')];
  for (const made of [bin, root]) mkdirSync(made);
  chmodSync(folder.path, 0o755);
  const all = {
    'info': JSON.stringify({ ...goodEngine(root), ...engine }),
    'compose version': '2.40.3',
    'ps': '',
    'network ls': '',
    // With volumes of its own the room that is left counts, and not the plan: a machine of tests may be small.
    'volume ls': 'hello_database-data',
    'image inspect': '[{"Architecture":"amd64"}]',
    ...answers,
  };
  const cases = Object.entries(all).map(([words, output], index) => {
    writeFileSync(join(folder.path, `answer-${index}`), output);
    return `  "${words} "*) cat '${join(folder.path, `answer-${index}`)}' ;;`;
  });
  writeFileSync(
    join(bin, 'docker'),
    `#!/bin/sh\ncase "$* " in\n${cases.join('\n')}\n  *) echo "the stand-in knows no $*" >&2; exit 1 ;;\nesac\n`,
  );
  chmodSync(join(bin, 'docker'), 0o755);
  for (const program of ['sh', 'cat']) symlinkSync(`/bin/${program}`, join(bin, program));
  return { path: bin, root, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}
