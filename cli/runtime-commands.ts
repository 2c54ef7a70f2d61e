import type { Command } from 'commander';
import { addBackup } from './backup.ts';
import { addDrill } from './drill.ts';
import { addKit } from './kit.ts';
import { addRestore } from './restore.ts';
import { addRuntime } from './runtime.ts';
import type { RuntimeContext } from './stoppable.ts';

/** Commands that a start of any other need not know; in the built program they are a part of their own. */
export function addRuntimeCommands(
  program: Command,
  run: (action: () => Promise<void>, json: boolean) => Promise<void>,
  context: RuntimeContext,
): void {
  for (const add of [addBackup, addDrill, addKit, addRestore, addRuntime]) add(program, run, context);
}
