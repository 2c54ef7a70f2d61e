import { readFileSync } from 'node:fs';
import type { ProgramLife } from '../ports/program.ts';

/** What the kernel says of a program and its children, as proc(5) has it; nothing where there is no such folder, as on another system than Linux. */
export function lifeOf(pid: number, proc = '/proc'): ProgramLife | undefined {
  const own = statOf(`${proc}/${pid}/stat`);
  if (own === undefined) return undefined;
  const children = textOf(`${proc}/${pid}/task/${pid}/children`)?.split(' ').filter(Boolean) ?? [];
  const lives = [own, ...children.flatMap((child) => lifeOf(Number(child), proc) ?? [])];
  return { stopped: lives.some(({ stopped }) => stopped), spent: lives.reduce((sum, { spent }) => sum + spent, 0) };
}

/** Its name, in brackets, may hold anything; behind the last of them is the state, and eleven fields on its times and those of the children that ended. */
function statOf(file: string): ProgramLife | undefined {
  const text = textOf(file);
  if (text === undefined) return undefined;
  const [state = '', ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { stopped: state === 'T' || state === 't', spent: rest.slice(10, 14).reduce((sum, ticks) => sum + Number(ticks), 0) };
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
