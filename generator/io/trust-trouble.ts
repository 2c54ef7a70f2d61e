import { X509Certificate } from 'node:crypto';
import { BerthError } from '../../model/errors.ts';
import type { StackSpec } from '../../model/stack-spec.ts';

function certificateOf(name: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new BerthError(
      'spec',
      `trust.${name} in berth.yaml is no certificate that OpenSSL can read`,
      `look at it with \`openssl x509 -noout -text\`, and paste it whole`,
      { cause: error },
    );
  }
}

/** What is wrong with authorities that are to be trusted. @throws BerthError `spec` for what is no certificate. */
export const trustTrouble = (trust: StackSpec['trust'], now: Date): readonly string[] =>
  trust.flatMap(({ name, certificates }) =>
    certificates
      .map((pem) => certificateOf(name, pem))
      .filter(({ validToDate }) => validToDate <= now)
      .map(({ validToDate }) => `trust.${name} has expired on ${validToDate.toISOString().slice(0, 10)}: nobody is trusted by it any more`),
  );
