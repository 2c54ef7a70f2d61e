import { lockSite } from '../../../generator/io/lock.ts';
import { BerthError } from '../../../model/errors.ts';

/** `hold-lock.child.ts <site>`: says `held` and holds on until killed or told to let go, or says why it could not. */
try {
  const lock = lockSite(process.argv[2] ?? '');
  process.stdout.write('held\n');
  process.stdin
    .on('data', () => {
      lock[Symbol.dispose]();
      process.stdout.write('released\n');
    })
    .on('end', () => process.exit());
} catch (error) {
  if (!(error instanceof BerthError)) throw error;
  process.stdout.write(`${error.kind}: ${error.message}\n`);
}
