import { describe, expect, test } from 'vitest';
import { corpAuthority } from '../render/hello.ts';
import { onlyProblem, problemsOf, specOf, web } from './specs.ts';

const indented = (pem: string): string => pem.trim().replaceAll('\n', '\n    ');
const trusting = (pem: string): string => `${web('egress: true')}trust:\n  corp: |\n    ${indented(pem)}\n`;
const body = corpAuthority.trim().split('\n').slice(1, -1);

describe('authorities that services trust', () => {
  test('are certificates, one or several, however their lines are broken', () => {
    const folded = `-----BEGIN CERTIFICATE-----\n${body.join('')}\n-----END CERTIFICATE-----`;
    expect(specOf(trusting(`${corpAuthority}${folded}`)).trust).toEqual([{ name: 'corp', certificates: [corpAuthority, corpAuthority] }]);
  });

  test.each([
    ['half a certificate', corpAuthority.replace(body[2] ?? '', ''), 'expected whole certificates as PEM text'],
    ['no end', corpAuthority.replace('-----END CERTIFICATE-----', ''), 'expected whole certificates as PEM text'],
    ['words', 'our authority', 'expected whole certificates as PEM text'],
    ['something else beside it', `${corpAuthority}-----BEGIN X-----`, 'expected whole certificates as PEM text'],
    ['a private key', `${corpAuthority}-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----`, 'a private key belongs into no spec'],
  ])('are refused when they are %s', (_, pem, problem) => {
    expect(onlyProblem(trusting(pem))).toContain('trust.corp: expected');
    expect(onlyProblem(trusting(pem))).toContain(problem);
    expect(onlyProblem(trusting(pem))).not.toContain('MIGH');
  });
});

describe('the way outside', () => {
  test('leads anywhere, nowhere or to certain places', () => {
    const of = (egress: string) => {
      const [service] = specOf(web(egress)).services;
      return [service?.egress, service?.reaches];
    };
    expect(of('egress: true')).toEqual([true, []]);
    expect(of('runtime: node')).toEqual([false, []]);
    expect(of('egress: ["hooks.corp.example:443", "[fd00::1]:25", "10.4.0.0/16:5432"]')).toEqual([
      false,
      [
        { host: 'hooks.corp.example', port: 443 },
        { host: '[fd00::1]', port: 25 },
        { host: '10.4.0.0/16', port: 5432 },
      ],
    ]);
  });

  test.each([
    ['egress: hooks', 'services.web.egress: expected true, false or a list of places'],
    ['egress: []', 'expected at least one place'],
    ['egress: [hooks.corp.example]', 'services.web.egress[0]: expected a place such as hooks.corp.example:443'],
    ['egress: ["https://hooks:443"]', 'services.web.egress[0]: expected a place'],
    ['egress: ["hooks:70000"]', 'services.web.egress[0]: there is no port 70000'],
    ['egress: ["hooks:443", "hooks:443"]', '"hooks:443" stands twice'],
    ['egress: ["web:443"]', 'web is part of the site, not outside'],
    ['egress: ["[1:2]:443"]', 'services.web.egress[0]: expected a place'],
    ['egress: ["[:::]:443"]', 'services.web.egress[0]: expected a place'],
    ['egress: ["10.4.0.300:443"]', '10.4.0.300 is no address'],
    ['egress: ["10.4.0.0/40:443"]', '10.4.0.0/40 is no address'],
  ])('is refused as { %s }', (lines, problem) => {
    expect(onlyProblem(web(lines))).toContain(problem);
  });

  test.each([
    ['{ url: "http://proxy:3128" }', 'runtime: node', 'proxy: no service may open connections to the outside'],
    ['{ url: "http://me:secret@proxy:3128" }', 'egress: true', 'proxy.url: expected an address such as http://proxy.corp.example:3128'],
    ['{ url: "socks5://proxy" }', 'egress: true', 'proxy.url: expected an address'],
    ['{ url: "http://proxy:99999" }', 'egress: true', 'proxy.url: there is no such port'],
    ['{ url: "http://proxy", except: ["*.corp"] }', 'egress: true', 'proxy.except[0]: expected a host'],
  ])('takes no proxy %s with %s', (proxy, lines, problem) => {
    expect(onlyProblem(`${web(lines)}proxy: ${proxy}\n`)).toContain(problem);
  });

  test.each(['registry.corp.example', 'registry.corp.example:5000/mirror/hub', 'localhost:5000'])('takes %s for a registry', (registry) => {
    expect(specOf(`${web('runtime: node')}registry: ${registry}\n`).registry).toBe(registry);
  });
  test.each(['https://registry.corp.example', 'registry.corp.example/', 'Registry.corp.example', 'registry.corp.example/Mirror'])(
    'takes no %s for a registry',
    (registry) => {
      expect(problemsOf(`${web('runtime: node')}registry: ${registry}\n`)).toHaveLength(1);
    },
  );
});
