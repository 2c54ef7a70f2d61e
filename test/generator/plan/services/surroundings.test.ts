import { describe, expect, test } from 'vitest';
import { mirrorImages } from '../../../../generator/plan/mirror.ts';
import { corpAuthority } from '../../render/hello.ts';
import { app, database, plan, service, stack, uses } from '../plans.ts';

const inside = app('inside', { runtime: 'other' });
const outside = app('outside', { reaches: [{ host: 'hooks.corp.example', port: 443 }], uses: [uses.database('database')] });
const more = { services: [inside, outside], databases: [database('database')], caches: [], stores: [] };

describe('what surrounds a site', () => {
  test('an authority is trusted by every application, each by the variables that its programs read', () => {
    const made = plan(stack({ ...more, trust: [{ name: 'corp', certificates: [corpAuthority] }] }));
    const file = '/etc/berth/trust/ca.pem';
    expect(made.trust).toBe(`# corp\n${corpAuthority}`);
    expect(service(made, 'inside').env).toMatchObject({ SSL_CERT_FILE: file, REQUESTS_CA_BUNDLE: file, NODE_EXTRA_CA_CERTS: file });
    expect(service(made, 'outside').env).toMatchObject({ NODE_EXTRA_CA_CERTS: file });
    expect(service(made, 'outside').env).not.toHaveProperty('SSL_CERT_FILE');
    for (const name of ['inside', 'outside'])
      expect(service(made, name).mounts).toEqual([{ source: 'config/trust', target: '/etc/berth/trust', restarts: true }]);
    expect(service(plan(stack(more)), 'inside').mounts).toEqual([]);
  });

  test('a proxy is told to those who go outside, with every name that is reached without it', () => {
    const proxy = { host: 'proxy.corp.example', port: 3128, except: ['.corp.example'] };
    const made = plan(stack({ ...more, proxy }));
    const { env } = service(made, 'outside');
    expect(env).toMatchObject({ HTTPS_PROXY: 'http://proxy.corp.example:3128', https_proxy: env['HTTPS_PROXY'], NODE_USE_ENV_PROXY: '1' });
    expect(env['NO_PROXY']?.split(',')).toEqual(
      expect.arrayContaining(['localhost', '127.0.0.1', 'inside-blue', 'outside-green', 'database', '.corp.example']),
    );
    expect(service(made, 'inside').env).not.toHaveProperty('HTTP_PROXY');
    const cluster = plan(stack({ ...more, proxy, target: 'kubernetes' }));
    expect(service(cluster, 'outside').env['NO_PROXY']).toContain('.svc.cluster.local');
    expect(service(cluster, 'outside').outside).toEqual([
      { host: 'hooks.corp.example', port: 443 },
      { host: 'proxy.corp.example', port: 3128 },
    ]);
  });

  test('what the spec sets itself holds, in whatever case', () => {
    const proxy = { host: 'proxy', port: 3128, except: [] };
    const secrets = [{ name: 'HTTPS_PROXY', length: 48, deliver: 'env' as const, supplied: true }];
    const made = plan(stack({ ...more, proxy, services: [{ ...outside, secrets, env: { no_proxy: 'none' } }] }));
    const { env } = service(made, 'outside');
    expect([env['HTTPS_PROXY'], env['https_proxy'], env['NO_PROXY'], env['no_proxy']]).toEqual([undefined, undefined, undefined, 'none']);
    expect(env['HTTP_PROXY']).toBe('http://proxy:3128');
  });

  test('a place outside has a way to it, the whole outside a way out, and no place is none', () => {
    const made = plan(stack({ ...more, services: [...more.services, app('anywhere', { egress: true })] }));
    expect(service(made, 'outside').networks).toContain('egress-outside');
    expect(service(made, 'anywhere').networks).toContain('egress');
    expect(service(made, 'inside').networks.filter((network) => network.startsWith('egress'))).toEqual([]);
    expect(made.notes.join('\n')).toContain('outside may reach hooks.corp.example:443');
  });

  test('a registry gives every image of the catalogue, under its own path', () => {
    const image = { version: '1', licence: 'MIT', user: '1:1', status: 'supported' as const };
    const of = (reference: string) => mirrorImages({ one: { ...image, reference } }, 'registry.corp.example:5000/hub')['one']?.reference;
    expect(of('docker.io/library/nginx:1.30')).toBe('registry.corp.example:5000/hub/library/nginx:1.30');
    expect(of('localhost:5000/a/b:1')).toBe('registry.corp.example:5000/hub/a/b:1');
    expect(of('valkey/valkey:8')).toBe('registry.corp.example:5000/hub/valkey/valkey:8');
  });
});
