import { BerthError } from '../model/errors.ts';
import { hostName } from '../model/names.ts';
import { profileNames } from '../model/profile.ts';
import type { InitOptions } from './init-options.ts';

const summaries: Readonly<Record<string, string>> = {
  'minimum': 'up to 100 users',
  'recommended': 'up to 1,000 users',
  'high-performance': '10,000 users and more',
};

/** Ask on the terminal for what the command line did not say. */
export async function askMissing(given: InitOptions): Promise<InitOptions> {
  const { confirm, input, select } = await import('@inquirer/prompts');
  try {
    // A spec of one's own says its profile itself.
    const profile =
      given.profile ??
      (given.from?.startsWith('example:') === false
        ? undefined
        : await select({
            message: 'How large is this site?',
            default: 'recommended',
            choices: profileNames.map((name) => ({ value: name as string, name: `${name}: ${summaries[name] ?? ''}` })),
          }));
    const named = given.set.some((text) => text.startsWith('domain=')) || given.from !== 'example:hello';
    const domain = named
      ? undefined
      : await input({
          message: 'Which name do users type?',
          default: 'localhost',
          validate: (text) => hostName.test(text) || 'a host name such as app.example.com, in lower case',
        });
    if (!(await confirm({ message: 'Write the site?', default: true })))
      throw new BerthError('interrupted', 'nothing was written', 'run the command again when you are ready');
    return {
      ...given,
      ...(profile === undefined ? {} : { profile }),
      set: domain === undefined ? given.set : [...given.set, `domain=${domain}`],
    };
  } catch (error) {
    if (error instanceof Error && error.name === 'ExitPromptError')
      throw new BerthError(
        'interrupted',
        'stopped; nothing was written',
        'run the command again, or pass --yes and the answers as options',
        { cause: error },
      );
    throw error;
  }
}
