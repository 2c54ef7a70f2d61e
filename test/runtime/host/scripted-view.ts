import { notKnown } from '../../../model/host-state.ts';
import type { Answer, HostView } from '../../../runtime/host/view.ts';

/** A host of which only this is there: files by their paths, programs by their command lines. */
export const scriptedView = (
  files: Readonly<Record<string, string>>,
  programs: Readonly<Record<string, string | Partial<Answer>>> = {},
): HostView => ({
  file: (path) => files[path] ?? notKnown(`${path} is not there`),
  run: (...argv) => {
    const answer = programs[argv.join(' ')];
    if (answer === undefined) return Promise.resolve(notKnown(`${argv[0]} is not on the PATH`));
    return Promise.resolve({ code: 0, stdout: '', stderr: '', ...(typeof answer === 'string' ? { stdout: answer } : answer) });
  },
});
