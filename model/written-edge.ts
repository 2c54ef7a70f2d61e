import * as z from 'zod';
import { cpu, duration, port, size, subnets, wholeNumber } from './written-values.ts';

export const edge = z
  .strictObject({
    http: port.optional().describe('Port on the host that sends browsers on to https. Default: 80.'),
    https: port.optional().describe('Port on the host. Default: 443.'),
    body: size.optional().describe('Largest request body. Default: 25Mi.'),
    timeout: duration.optional().describe('Longest silence of the application. Default: 60s.'),
    connections: wholeNumber(1, 65_535, 'a number of connections')
      .optional()
      .describe('Connections one client address may hold. Default: 100.'),
    deny: subnets
      .min(1, { error: 'expected at least one address' })
      .optional()
      .describe('Addresses and subnets that are refused everywhere, with 403. Default: none.'),
    trustedProxies: subnets
      .optional()
      .describe(
        'Load balancers in front, whose word on the address of a visitor is taken. Default: none, and the address is that of the connection.',
      ),
    proxyProtocol: z
      .boolean({ error: 'expected true or false' })
      .optional()
      .describe('true: they say it by the PROXY protocol, and only they can connect; false: by X-Forwarded-For. Default: false.'),
    hsts: z
      .boolean({ error: 'expected true or false' })
      .optional()
      .describe('Tell browsers never to use http again. Only with a certificate they trust. Default: false.'),
  })
  .meta({ id: 'Edge' });

export const host = z
  .strictObject({
    cpus: cpu.describe('CPUs of the machine.'),
    memory: size.describe('Memory of the machine.'),
    disk: size.describe('Free disk where containers keep their data.'),
    fit: z
      .boolean({ error: 'expected true or false' })
      .optional()
      .describe('false: the sizes of the profile as they are, whether they fit or not. Default: true.'),
  })
  .meta({ id: 'Host' });
