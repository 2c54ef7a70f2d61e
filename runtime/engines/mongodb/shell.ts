import { BerthError } from '../../../model/errors.ts';
import { mongodb } from '../../../model/engines/mongodb.ts';
import type { Programs } from '../../ports/program.ts';
import { collect } from '../../streams/blocks.ts';
import { addressOf, refusalOf, type MongoAccess } from './access.ts';

/** Before the answer, on its line: whatever else the shell has to say is passed over. */
const mark = '@berth ';
const longestAnswer = 256 * 2 ** 20;
/** mongosh keeps a folder below it. */
const home = '/tmp';

/** What a script may rely on; what goes wrong is an answer as well, as the shell writes failures now here, now there. */
const around = (script: string): string => `disableTelemetry();
const answer = (value) => print(${JSON.stringify(mark)} + EJSON.stringify(value));
try {
  const admin = connect(process.env.BERTH_ADDRESS).getSiblingDB('admin');
${script}
} catch (error) {
  answer({ failure: String(error.codeName || error.name) + ': ' + error.message });
}`;

/**
 * What a script for mongosh answers, which is in the unchanged image, and speaks whatever its server does.
 *
 * @param script - JavaScript; has `admin`, the database of that name, and calls `answer` once.
 * @throws BerthError `unreachable` with what to put right.
 */
export async function ask<Answer>(programs: Programs, access: MongoAccess, script: string, signal: AbortSignal): Promise<Answer> {
  await using shell = programs.start(
    {
      argv: [mongodb.shell, '--nodb', '--quiet', '--norc', '--eval', around(script)],
      env: { BERTH_ADDRESS: addressOf(access), HOME: home },
    },
    signal,
  );
  const said = Buffer.from(await collect(shell.output, longestAnswer)).toString('utf8');
  const line = said.split('\n').findLast((each) => each.startsWith(mark));
  if (line === undefined)
    throw new BerthError('unreachable', `${mongodb.shell} gave no answer: ${lastOf(said)}`, 'see the log of the server; it is asked again');
  const answer = JSON.parse(line.slice(mark.length)) as Answer & { readonly failure?: string };
  if (answer.failure === undefined) return answer;
  throw (
    refusalOf(answer.failure, access) ??
    new BerthError(
      'unreachable',
      `${mongodb.title} at ${access.host}: ${answer.failure}`,
      `see the log of the server, and that ${access.user} may do this`,
    )
  );
}

const lastOf = (said: string): string => said.trim().split('\n').at(-1) ?? '';
