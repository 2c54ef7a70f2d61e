import { BerthError } from '../../../model/errors.ts';
import { artifact, generate } from './site-fixture.ts';

/** `generate-as.child.ts <site> <uid>`: an update of `config/a` and `b` by somebody else; prints how it is refused. */
const [site = '', uid] = process.argv.slice(2);
process.setgid?.(Number(uid));
process.setuid?.(Number(uid));
try {
  generate(site, [artifact('config/a', process.argv[4] ?? 'A\n'), artifact('b', 'B\n')]);
  process.stdout.write('done');
} catch (error) {
  if (!(error instanceof BerthError)) throw error;
  process.stdout.write(`${error.kind}: ${error.message}\n${error.hint}`);
}
