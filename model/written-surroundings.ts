import * as z from 'zod';
import { certificatesIn } from './pem.ts';
import { label, text } from './written-values.ts';

const certificate = text('a certificate as PEM text, beginning with -----BEGIN CERTIFICATE-----')
  .refine((pem) => !pem.includes('PRIVATE KEY'), {
    error:
      'expected certificates alone: a private key belongs into no spec, and whoever could read this file has to be thought to know it now',
  })
  .refine((pem) => pem.includes('PRIVATE KEY') || certificatesIn(pem) !== undefined, {
    error: 'expected whole certificates as PEM text, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----',
  });

/** What a corporate site adds around every application. */
export const trust = z.record(label, certificate, { error: 'expected a map from a name to PEM text' });

const name = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*';
export const proxy = z
  .strictObject({
    url: text('an address such as http://proxy.corp.example:3128')
      .regex(new RegExp(`^http://${name}(?::\\d{1,5})?/?$`), {
        error:
          'expected an address such as http://proxy.corp.example:3128; for one with a password, supply HTTPS_PROXY under secrets of the service',
      })
      .describe('Where it listens. What needs a password is no part of a spec: supply HTTPS_PROXY and HTTP_PROXY under secrets instead.'),
    except: z
      .array(
        text('a host or a domain').regex(new RegExp(`^\\.?${name}$`), {
          error: 'expected a host such as wiki.corp.example, or a domain such as .corp.example',
        }),
        { error: 'expected a list of hosts and domains' },
      )
      .optional()
      .describe('Hosts, and domains beginning with a dot, that are reached without it. Names of the site always are.'),
  })
  .meta({ id: 'Proxy' });

export const registry = text('a registry such as registry.corp.example/mirror').regex(
  new RegExp(`^(?:localhost|${name}(?=[:/.]|$))(?::\\d{1,5})?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$`),
  { error: 'expected a registry such as registry.corp.example:5000/mirror, in lower case, without https:// before it and / after it' },
);

/** One place outside: a host, an address or a subnet, and the port there. */
const reachNotation = 'expected a place such as hooks.corp.example:443 or 10.4.0.0/16:5432';
export const reach = text('a place such as hooks.corp.example:443')
  .regex(new RegExp(`^(?:${name}|\\[[0-9a-f:]+\\]|\\d{1,3}(?:\\.\\d{1,3}){3}/\\d{1,2}):[1-9]\\d{0,4}$`), {
    error: reachNotation,
    abort: true,
  })
  // What has the form of an address need not be one: [1:2].
  .refine((value) => !value.startsWith('[') || URL.canParse(`http://${value.replace(/\d+$/, '')}`), { error: reachNotation });
