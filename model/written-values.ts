import * as z from 'zod';
import { cronNotation, isTimeZone, parseCron } from './cron.ts';
import { dnsLabel, imageReference, longestServiceName, reservedNames, serviceLabel, splitImage, urlPath } from './names.ts';
import {
  cpuNotation,
  cpuPattern,
  durationNotation,
  durationPattern,
  parseCpu,
  parseDuration,
  parseSize,
  sizeNotation,
  sizePattern,
} from './units.ts';

export const text = (what: string) => z.string({ error: `expected ${what}` });
export const size = z
  .string({ error: `expected ${sizeNotation}` })
  .refine((value) => parseSize(value) !== undefined, { error: `expected ${sizeNotation}` })
  .meta({ examples: ['512Mi', '16Gi', '2Ti'], pattern: sizePattern.source });
export const cpu = z
  .union([z.string(), z.number()], { error: `expected ${cpuNotation}` })
  .refine((value) => parseCpu(String(value)) !== undefined, { error: `expected ${cpuNotation}` })
  .meta({ examples: [2, '500m'], pattern: cpuPattern.source, exclusiveMinimum: 0, maximum: 4096 });
export const duration = z
  .string({ error: `expected ${durationNotation}` })
  .refine((value) => parseDuration(value) !== undefined, { error: `expected ${durationNotation}` })
  .meta({ examples: ['30s', '5m'], pattern: durationPattern.source });
export const cronTime = text(cronNotation).refine((value) => parseCron(value) !== undefined, { error: `expected ${cronNotation}` });
export const timeZone = text('a time zone such as Europe/Berlin').refine(isTimeZone, {
  error: 'expected a time zone such as Europe/Berlin',
});
export const wholeNumber = (min: number, max: number, what: string) => {
  const error = `expected ${what}, a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
};
export const port = wholeNumber(1, 65_535, 'a port');

export const label = text('a DNS label: lower-case letters, digits and -').regex(dnsLabel, {
  error: 'expected a DNS label: lower-case letters, digits and -, not at either end',
});
export const serviceName = text('a DNS label: lower-case letters, digits and -')
  .regex(serviceLabel, { error: 'expected a DNS label: lower-case letters, digits and -, beginning with a letter and not ending in -' })
  .max(longestServiceName, {
    error: `expected at most ${longestServiceName} characters: Berth appends slot and kind to a name, and a DNS label holds 63`,
  })
  .refine((name) => !reservedNames.includes(name), {
    error: `expected a name of your own: ${reservedNames.join(', ')} are taken by parts that Berth adds`,
  })
  .meta({ not: { enum: reservedNames } });
export const urlPathText = text('a path such as /api/').regex(urlPath, {
  error: 'expected a path such as /api/: it starts with / and holds letters, digits and . _ ~ - / only, without // or .. in it',
});
export const image = text('an image reference such as registry.example/app:1.4.2')
  .regex(imageReference, { error: 'expected an image reference such as registry.example/app:1.4.2' })
  .refine(
    (reference) => {
      const { tag, digest } = splitImage(reference);
      return (tag !== undefined && tag !== 'latest') || (tag === undefined && digest !== undefined);
    },
    { error: 'expected a tag that names one version: without one, or with "latest", nobody can say what runs or roll back to it' },
  )
  .meta({ not: { pattern: '(?:^|/)[^:@/]+$|:latest(?:@|$)' } });
