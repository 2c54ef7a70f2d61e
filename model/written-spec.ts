import * as z from 'zod';
import { hostName } from './names.ts';
import { backups } from './written-backups.ts';
import { label, serviceName, text } from './written-values.ts';
import { edge, host } from './written-edge.ts';
import { cache, database, store } from './written-engines.ts';
import { kubernetes } from './written-kubernetes.ts';
import { operations } from './written-operations.ts';
import { service } from './written-service.ts';
import { proxy, registry, trust } from './written-surroundings.ts';
import { volume } from './written-volumes.ts';

/**
 * What a person may write in berth.yaml. Everything optional here has its default in generator/spec/resolve.ts;
 * the JSON Schema that editors use is generated from this, descriptions included.
 */
export const writtenSpec = z.strictObject({
  apiVersion: z.literal('berth/v1', { error: 'expected berth/v1' }).describe('The form of this file.'),
  name: label.max(30, { error: 'expected at most 30 characters' }).describe('Name of the site: the Compose project or the namespace.'),
  environment: label
    .optional()
    .describe(
      'Which of the environments holds. `berth generate --environment NAME` writes it here. Default: none, and the file as it stands.',
    ),
  profile: z
    .enum(['minimum', 'recommended', 'high-performance'], { error: 'expected minimum, recommended or high-performance' })
    .describe('How large the site is: what each role gets before it is fitted to the host.'),
  target: z
    .enum(['compose', 'kubernetes'], { error: 'expected compose or kubernetes' })
    .optional()
    .describe('Where it runs. Default: compose.'),
  domain: text('a host name')
    .regex(hostName, { error: 'expected a host name such as app.example.com, in lower case' })
    .optional()
    .describe('The name the edge answers to. Default: localhost.'),
  host: host.optional().describe('The machine this site is sized for; `berth init` measured it.'),
  network: text('a subnet')
    .regex(/^\d{1,3}(\.\d{1,3}){3}\/22$/, { error: 'expected a subnet of 1024 addresses such as 10.201.4.0/22' })
    .optional()
    .describe('Addresses for the four networks of the site; `berth init` chose one that the host does not use. Default: 10.201.0.0/22.'),
  services: z.record(serviceName, service).describe('The applications, by name.'),
  databases: z.record(serviceName, database).optional().describe('Databases in the stack, by name.'),
  caches: z.record(serviceName, cache).optional().describe('Caches in the stack, by name.'),
  stores: z.record(serviceName, store).optional().describe('Object stores in the stack, by name.'),
  volumes: z.record(serviceName, volume).optional().describe('Folders on disk that services share and keep, by name.'),
  trust: trust
    .optional()
    .describe(
      'Certificates of authorities of yours, by name, as PEM text. Every service trusts them: NODE_EXTRA_CA_CERTS, SSL_CERT_FILE and REQUESTS_CA_BUNDLE name the file.',
    ),
  internalTls: z
    .boolean({ error: 'expected true or false' })
    .optional()
    .describe(
      'Whether databases, their replicas, pools of connections, caches and stores of the site take connections by TLS alone, with certificates of its own authority that every client checks. Default: false.',
    ),
  proxy: proxy.optional().describe('The HTTP proxy that leads outside, for services with egress.'),
  registry: registry
    .optional()
    .describe("Where the images of databases, caches, stores and edge come from, instead of their makers' registries: their paths stay."),
  edge: edge.optional().describe('The one way in.'),
  backups: backups.optional().describe('What is copied elsewhere, when and for how long. Without it nothing is.'),
  ...operations,
  environments: z
    .record(label, z.record(z.string(), z.unknown()), { error: 'expected a map from the name of an environment to keys of this file' })
    .optional()
    .describe(
      'What is otherwise in development, staging or production, by name: the same keys as here, as many as differ. Maps are merged, routes by their path, times by their at. Everything else is replaced, and null takes a key away.',
    ),
  kubernetes: kubernetes.optional().describe('What only a cluster needs to know; without effect on Compose.'),
});

export type WrittenSpec = z.infer<typeof writtenSpec>;
export type WrittenService = WrittenSpec['services'][string];
