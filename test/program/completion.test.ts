import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporarySite } from '../generator/io/site-fixture.ts';
import { expectExit, root } from './berth.ts';

const { stdout: script } = await expectExit(0, ['completion', 'bash']);

/** What a real bash would offer at the end of this line, in a folder with a file and a folder. */
function offered(line: string): readonly string[] {
  using folder = temporarySite();
  writeFileSync(join(folder.path, 'completion.bash'), script);
  mkdirSync(join(folder.path, 'my-site'));
  writeFileSync(join(folder.path, 'my.yaml'), '');
  const ask = 'source ./completion.bash; COMP_LINE=$1; COMP_POINT=${#1}; _berth; printf "%s\\n" "${COMPREPLY[@]}"';
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', ask, 'bash', line], { cwd: folder.path, encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((word) => word !== '');
}

describe('a real bash', () => {
  test('offers every command that the help names, and no other', async () => {
    const { stdout } = await expectExit(0, ['--help']);
    const commands = /\nCommands:\n([^]*?)\n\n/.exec(stdout)?.[1] ?? '';
    const named = [...commands.matchAll(/^ {2}([a-z]+)/gm)].map(([, name]) => name);
    expect(named).toContain('doctor');
    expect(offered('berth ')).toEqual(named);
  });

  test.each([
    { line: 'berth gen', words: ['generate'] },
    { line: 'berth certs ', words: ['show', 'renew', 'import'] },
    { line: 'berth secrets rev', words: ['reveal'] },
    { line: 'berth init --pro', words: ['--profile'] },
    { line: 'berth init --profile ', words: ['minimum', 'recommended', 'high-performance'] },
    { line: 'berth init --profile=m', words: ['minimum'] },
    { line: 'berth init --target k', words: ['kubernetes'] },
    { line: 'berth doctor --target c', words: ['compose'] },
    { line: 'berth init --from example:', words: readdirSync(join(root, 'examples')) },
    { line: 'berth init --from my', words: ['my.yaml', 'my-site'] },
    { line: 'berth init my', words: ['my-site'] },
    { line: 'berth generate --site my', words: ['my-site'] },
    { line: 'berth generate --site my-site --ch', words: ['--check'] },
    { line: 'berth certs renew --site certs --o', words: ['--own'] },
    { line: 'berth completion ', words: ['bash', 'zsh', 'fish'] },
    { line: 'berth plan extra ', words: [] },
    { line: 'berth init --host-cpus ', words: [] },
    { line: 'berth nothing --', words: ['--version', '--help'] },
  ])('offers $words after "$line"', ({ line, words }) => {
    expect([...offered(line)].sort()).toEqual([...words].sort());
  });

  const hasTerminal = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') ?? false;
  if (!hasTerminal) console.warn('SKIPPED: the Tab key in a bash on a terminal, since the program `script` is not on this machine');

  test.runIf(hasTerminal)('types the rest when Tab is pressed on a terminal, behind a colon and an equals sign as well', () => {
    using folder = temporarySite();
    writeFileSync(join(folder.path, 'completion.bash'), script);
    const keys = [
      'source ./completion.bash; PS1=; berth() { printf "GOT<%s>\\n" "$*"; }',
      'berth init --from exa\thel\t--profile=high\t',
      'berth cert\tren\t--auth\t',
      'exit',
      '',
    ].join('\n');
    const { stdout } = spawnSync('script', ['-qec', 'bash --norc --noprofile -i', '/dev/null'], {
      cwd: folder.path,
      input: keys,
      encoding: 'utf8',
      timeout: 30_000,
      env: { PATH: process.env['PATH'], TERM: 'dumb', INPUTRC: '/dev/null' },
    });
    expect(stdout).toContain('GOT<init --from example:hello --profile=high-performance>');
    expect(stdout).toContain('GOT<certs renew --authority>');
  });
});

test.each(['bash', 'zsh', 'fish'])('the script for %s names every option that the program has', async (shell) => {
  const { stdout } = await expectExit(0, ['completion', shell]);
  for (const verb of ['init', 'generate', 'doctor', 'diff']) {
    const { stdout: help } = await expectExit(0, [verb, '--help']);
    for (const [, option = ''] of help.matchAll(/^ {2}--([a-z-]+)/gm))
      expect(stdout, `${verb} --${option}`).toMatch(new RegExp(`(?:--|-l )${option}\\b`));
  }
});

test('a shell that is none is refused, and those there are named', async () => {
  const { stderr } = await expectExit(2, ['completion', 'tcsh'], { cwd: root });
  expect(stderr).toContain('bash, zsh, fish');
});
