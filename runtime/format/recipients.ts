import { BerthError } from '../../model/errors.ts';
import { checkRecipient, keyIdOf, type Recipient } from './keys.ts';
import type { SuiteName } from '../../model/backup/suites.ts';
import { suites } from './suites.ts';

/** Of two recipients one may be lost; of one not. */
const fewest = 2;

const differing = (recipients: readonly Recipient[]): number => new Set(recipients.map(({ key }) => keyIdOf(key))).size;

/** @throws BerthError `usage` when there are fewer than two different keys of recipients, or one that will not do. */
export function checkRecipients(recipients: readonly Recipient[]): void {
  for (const recipient of recipients) checkRecipient(recipient);
  if (differing(recipients) >= fewest) return;
  throw new BerthError(
    'usage',
    'backups need at least two recipients with different keys: one key that is lost must not lose them all',
    'name a second public key, and keep its private half away from this site (`berth kit export`)',
  );
}

const described = { rsa: 'RSA, which openssl opens', x25519: 'age' } as const;

/**
 * What is made anew must open with the tools of its suite alone, for two who can stand in for each other. Keys of the other kind may be there besides: whoever
 * has one still opens what is made now.
 *
 * @throws BerthError `usage`.
 */
export function checkForSuite(name: SuiteName, recipients: readonly Recipient[]): void {
  checkRecipients(recipients);
  const kind = suites[name].recipients;
  const own = recipients.filter(({ key }) => key.asymmetricKeyType === kind);
  if (differing(own) >= fewest) return;
  throw new BerthError(
    'usage',
    `backups need at least two recipients with different keys of ${described[kind]}, as their suite is ${name}: one key that is lost must not lose them all`,
    'draw them with `berth backup keys create --into FOLDER` and `berth kit export --into FOLDER`',
  );
}
