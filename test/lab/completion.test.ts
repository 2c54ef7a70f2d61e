import { mkdirSync, readdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectExit } from '../program/berth.ts';
import { apt } from './debian.ts';
import { attempt, locked, run, step, succeeds } from './process.ts';

/** A zsh on a terminal of its own: types a line, presses Tab and Enter, and prints what came of it. */
const typing = `
zmodload zsh/zpty
zpty shell 'zsh -f -i'
zpty -w shell "PS1=; fpath=($1 \\$fpath); autoload -Uz compinit; compinit -u -D; berth() { print -r -- \\"GOT<\\$*>\\" }"
# Its line editor has to be there before Tab means anything to it, and Tab has to have done its work before Enter; both say so.
zpty -w shell "ready() { print -n REA''DY }; zle -N zle-line-init ready; tab() { zle expand-or-complete; print -n TAB''BED }; zle -N tab; bindkey '^I' tab"
zpty -r shell seen '*READY*'
zpty -n -w shell "$2"$'\\t'
zpty -r shell seen '*TABBED*'
zpty -n -w shell $'\\n'
zpty -r shell seen '*GOT<*>*'
print -r -- "$seen"
`;

describe('completion', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-completion-'));
  beforeAll(async () => {
    await locked('shells', async () => {
      if ((await succeeds(['zsh', '--version'])) && (await succeeds(['fish', '--version']))) return;
      await step('install zsh and fish from Debian', () => apt('install', '-y', '--no-install-recommends', 'zsh', 'fish'));
    });
    mkdirSync(join(folder, 'empty'));
    writeFileSync(join(folder, '_berth'), (await expectExit(0, ['completion', 'zsh'])).stdout);
    writeFileSync(join(folder, 'berth.fish'), (await expectExit(0, ['completion', 'fish'])).stdout);
    writeFileSync(join(folder, 'typing.zsh'), typing);
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test.each([
    { line: 'berth gen', becomes: 'generate' },
    { line: 'berth certs ren', becomes: 'certs renew' },
    { line: 'berth init --profile r', becomes: 'init --profile recommended' },
    { line: 'berth init --profile=h', becomes: 'init --profile=high-performance' },
    { line: 'berth init --from example:h', becomes: 'init --from example:hello' },
    { line: 'berth doctor --tar', becomes: 'doctor --target' },
    { line: 'berth doctor --target k', becomes: 'doctor --target kubernetes' },
    { line: 'berth completion f', becomes: 'completion fish' },
  ])('of "$line" in a real zsh is "$becomes"', async ({ line, becomes }) => {
    const { stdout } = await attempt(['timeout', '120', 'zsh', '-f', join(folder, 'typing.zsh'), folder, line], {
      cwd: join(folder, 'empty'),
    });
    expect(stdout).toContain(`GOT<${becomes}>`);
  });

  test.each([
    { line: 'berth gen', words: ['generate'] },
    { line: 'berth certs ', words: ['import', 'renew', 'show'] },
    { line: 'berth secrets rotate --', words: ['--help', '--json', '--site'] },
    { line: 'berth init --profile ', words: ['high-performance', 'minimum', 'recommended'] },
    {
      line: 'berth init --from example',
      words: readdirSync('examples')
        .map((name) => `example:${name}`)
        .sort(),
    },
    { line: 'berth doctor --site certs --target k', words: ['kubernetes'] },
    { line: 'berth completion ', words: ['bash', 'fish', 'zsh'] },
  ])('of "$line" in a real fish offers $words', async ({ line, words }) => {
    const said = await run(['fish', '--no-config', '-c', `source ${join(folder, 'berth.fish')}; complete -C $argv[1]`, line], {
      cwd: join(folder, 'empty'),
    });
    expect(
      said
        .split('\n')
        .map((one) => one.split('\t')[0] ?? '')
        .sort((one, other) => one.localeCompare(other)),
    ).toEqual(words);
  });
});
