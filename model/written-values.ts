import * as z from 'zod';
import { cronNotation, everComes, isTimeZone, parseCron, type CronSchedule } from './cron.ts';
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
export const cronTime = text(cronNotation)
  .refine((value) => parseCron(value) !== undefined, { error: `expected ${cronNotation}`, abort: true })
  .refine((value) => everComes(parseCron(value) as CronSchedule), { error: 'expected a day that comes: no month named here has it' });
export const timeZone = text('a time zone such as Europe/Berlin').refine(isTimeZone, {
  error: 'expected a time zone such as Europe/Berlin',
});
export const wholeNumber = (min: number, max: number, what: string) => {
  const error = `expected ${what}, a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
};
/** A part of a whole, as people write it. */
export const share = text('a share such as 5%')
  .regex(/^(?:100|\d{1,2}(?:\.\d{1,3})?)%$/, { error: 'expected a share from 0% to 100%, such as 0.5%' })
  .meta({ examples: ['99.9%', '5%'] });
/** How long something that answers may take. */
export const latency = text('a time such as 500ms or 2s')
  .regex(/^[1-9]\d{0,5}m?s$/, { error: 'expected a time such as 500ms or 2s' })
  .meta({ examples: ['500ms', '2s'] });
export const date = text('a day such as "2026-01-05"')
  .refine((day) => /^\d{4}-\d\d-\d\d$/.test(day) && new Date(`${day}T00:00Z`).toJSON()?.startsWith(day), {
    error: 'expected a day such as "2026-01-05"',
  })
  .meta({ examples: ['2026-01-05'] });
/** Where a server answers, without a name or a password in it. */
export const address = (example: string) =>
  text(`an address such as ${example}`).regex(
    /^https?:\/\/(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::\d{1,5})?(?:\/[A-Za-z0-9._~/-]*)?$/,
    { error: `expected an address such as ${example}` },
  );
const subnetForm =
  /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}(?:\/(?:3[0-2]|[12]?\d))?|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?:\/(?:12[0-8]|1[01]\d|\d?\d))?)$/;
const subnetNotation = 'expected an address or a subnet such as 10.0.0.0/8';
/** Addresses of either kind, alone or with the length of a subnet. */
export const subnets = z.array(
  text('an address or a subnet')
    .regex(subnetForm, { error: subnetNotation })
    // What has the form of one need not be one: 1::2::3.
    .refine((value) => !value.includes(':') || URL.canParse(`http://[${value.replace(/\/.*/, '')}]`), { error: subnetNotation }),
  { error: 'expected a list of addresses and subnets' },
);
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
export const imageSuchAs = (example: string) =>
  text(`an image reference such as ${example}`)
    .regex(imageReference, { error: `expected an image reference such as ${example}` })
    .refine(
      (reference) => {
        const { tag, digest } = splitImage(reference);
        return (tag !== undefined && tag !== 'latest') || (tag === undefined && digest !== undefined);
      },
      { error: 'expected a tag that names one version: without one, or with "latest", nobody can say what runs or roll back to it' },
    )
    .meta({ not: { pattern: '(?:^|/)[^:@/]+$|:latest(?:@|$)' } });
export const image = imageSuchAs('registry.example/app:1.4.2');
