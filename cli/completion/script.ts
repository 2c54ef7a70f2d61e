import type { Command } from 'commander';
import { listExamples } from '../../generator/io/examples.ts';
import { profileNames } from '../../model/profile.ts';
import type { Target } from '../../model/stack-spec.ts';
import { bashScript } from './bash.ts';
import { fishScript } from './fish.ts';
import { placesOf } from './tree.ts';
import { zshScript } from './zsh.ts';

const writers = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;
export type Shell = keyof typeof writers;

const targets: readonly Target[] = ['compose', 'kubernetes'];

/** The script that has a shell complete `berth`; `root` is where the examples are. */
export function completionScript(program: Command, shell: Shell, root: string): string {
  const known = new Map<string, readonly string[]>([
    ['--profile', profileNames],
    ['--target', targets],
    ['--from', listExamples(root).map((name) => `example:${name}`)],
  ]);
  return writers[shell](placesOf(program, known));
}
