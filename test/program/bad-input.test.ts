import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { snapshot } from '../generator/io/site-fixture.ts';
import { berth, expectExit } from './berth.ts';
import { freshSite } from './sites.ts';

const fresh = freshSite();
const head = 'apiVersion: berth/v1\nname: shop\nprofile: minimum\nhost: { cpus: 4, memory: 32Gi, disk: 200Gi }\n';
const web = (more = '') => `${head}services:\n  web:\n    image: shop/web:1\n    port: 3000\n${more}`;
const env = (value: string) => web(`    env:\n      ODD: ${value}\n`);

describe('a spec that', () => {
  test.each<{ what: string; spec: string | Buffer; place: string; says: string }>([
    { what: 'is not YAML', spec: 'a: [1, 2\nb: }\n', place: '2:', says: 'not valid YAML' },
    { what: 'is not UTF-8', spec: Buffer.from(web('# caf\xe9\n'), 'latin1'), place: '9:6', says: 'not UTF-8 text' },
    { what: 'is UTF-16', spec: Buffer.from(web(), 'utf16le'), place: '1:', says: 'cannot stand in a text file' },
    { what: 'is empty', spec: '', place: '1:1', says: 'the file is empty' },
    { what: 'holds only a comment', spec: '# nothing\n', place: '1:1', says: 'the file is empty' },
    { what: 'is a list', spec: '- a\n', place: '1:1', says: 'expected a map' },
    { what: 'has 10 MB', spec: `${web()}# ${'x'.repeat(10 * 2 ** 20)}\n`, place: '1:1', says: 'a spec has at most 1 MiB' },
    { what: 'has 100 MB', spec: Buffer.alloc(100 * 2 ** 20, 'a'), place: '1:1', says: 'a spec has at most 1 MiB' },
    {
      what: 'is a bomb of aliases',
      spec: `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghij'
        .split('')
        .map((key, index) => `${key}: &${key} [${Array.from({ length: 9 }, () => `*${'abcdefghi'.charAt(index)}`).join(',')}]\n`)
        .join('')}`,
      place: '1:1',
      says: 'aliases',
    },
    { what: 'is nested a hundred thousand deep', spec: `a: ${'['.repeat(100_000)}`, place: '1:', says: 'nested too deeply' },
    { what: 'says a key twice', spec: web('    port: 3001\n'), place: '9:5', says: 'stands twice' },
    {
      what: 'has text where a number belongs',
      spec: web().replace('port: 3000', 'port: "http"'),
      place: '8:11',
      says: 'expected a port, a whole number from 1 to 65535, got "http"',
    },
    { what: 'has a list where a map belongs', spec: `${head}services: [web]\n`, place: '5:11', says: 'expected a map, got a list' },
    { what: 'lacks what it must have', spec: web().replace('    port: 3000\n', ''), place: '7:5', says: 'missing: expected a port' },
    {
      what: 'names an unknown engine',
      spec: `${web()}databases: { database: { engine: postgress } }\n`,
      place: '9:34',
      says: 'did you mean "postgres"?',
    },
    {
      what: 'uses a database that is not there',
      spec: web('    uses: [databse]\n'),
      place: '9:12',
      says: 'there is no database, cache or store "databse"',
    },
    {
      what: 'wants a gateway without saying which',
      spec: `${web()}kubernetes: { expose: gateway }\n`,
      place: '9:23',
      says: 'expose: gateway needs the name of a class',
    },
    {
      what: 'would stand in a namespace of the cluster',
      spec: `${web()}kubernetes: { namespace: kube-system }\n`,
      place: '9:26',
      says: 'belongs to the cluster',
    },
    {
      what: 'gives node ports to a load balancer',
      spec: `${web()}kubernetes: { nodePorts: { http: 30080, https: 30443 } }\n`,
      place: '9:15',
      says: 'means nothing with expose: loadBalancer',
    },
    {
      what: 'gives both node ports the same number',
      spec: `${web()}kubernetes: { expose: nodePort, nodePorts: { http: 30080, https: 30080 } }\n`,
      place: '9:66',
      says: 'port 30080 stands twice',
    },
    {
      what: 'writes a version of Kubernetes as a number',
      spec: `${web()}kubernetes: { version: 1.31 }\n`,
      place: '9:24',
      says: 'expected a version such as "1.31"',
    },
    {
      what: 'names the Secret of a service that is not there',
      spec: `${web()}kubernetes: { existingSecrets: { wep: vault } }\n`,
      place: '9:34',
      says: 'did you mean "web"?',
    },
    {
      what: 'scales down below what is up',
      spec: web('    scaling: { min: 5, max: 3 }\n'),
      place: '9:21',
      says: '5 replicas at least are more than 3 at most',
    },
    {
      what: 'wants four nodes of a store on one host',
      spec: `${web()}stores: { files: { engine: minio, buckets: { a-b: {} }, nodes: 4 } }\n`,
      place: '9:64',
      says: 'four nodes on one host would be lost together',
    },
    { what: 'has a port twice', spec: `${web()}edge: { http: 8443, https: 8443 }\n`, place: '9:28', says: 'stands twice' },
    { what: 'has a name that is no DNS label', spec: web().replace('  web:', '  My_Web:'), place: '6:3', says: 'expected a DNS label' },
    {
      what: 'has an image without a tag',
      spec: web().replace('shop/web:1', 'shop/web'),
      place: '7:12',
      says: 'expected a tag that names one version',
    },
    {
      what: 'has the image latest',
      spec: web().replace('shop/web:1', 'shop/web:latest'),
      place: '7:12',
      says: 'expected a tag that names one version',
    },
    { what: 'has a domain with spaces', spec: `${web()}domain: my shop\n`, place: '9:9', says: 'expected a host name' },
    {
      what: 'has a domain meant for nginx',
      spec: `${web()}domain: "a;} server { listen 1; }"\n`,
      place: '9:9',
      says: 'expected a host name',
    },
    {
      what: 'has a path meant for nginx',
      spec: web('    routes: [{ path: "/a { return 200; } #" }]\n'),
      place: '9:22',
      says: 'expected a path such as /api/',
    },
    { what: 'has a negative size', spec: web('    memory: -512Mi\n'), place: '9:13', says: 'expected a size such as' },
    { what: 'has an absurd size', spec: web('    memory: 999999999Ti\n'), place: '9:13', says: 'expected a size such as' },
    { what: 'has a size in other words', spec: web('    memory: 2gb\n'), place: '9:13', says: 'got "2gb"' },
    { what: 'has a variable that is a number', spec: env('007'), place: '10:12', says: 'put the value in quotes' },
    { what: 'has a variable with a NUL', spec: env(String.raw`"a\0b"`), place: '10:12', says: 'no NUL' },
    { what: 'has a variable that cannot be one', spec: web('    env: { "A B": x }\n'), place: '9:12', says: 'expected a variable name' },
    { what: 'has an unknown key', spec: `${web()}edges: {}\n`, place: '9:1', says: 'did you mean "edge"?' },
    { what: 'steers the terminal', spec: web('    routes: [{ path: "\\e[31mred" }]\n'), place: '9:22', says: String.raw`\u001b[31mred` },
  ])('$what is refused with its place, nothing is written and no stack is shown', async ({ spec, place, says }) => {
    using site = fresh();
    rmSync(join(site.path, 'berth.yaml'));
    writeFileSync(join(site.path, 'berth.yaml'), spec);
    const before = snapshot(site.path).filter((line) => !line.includes('berth.yaml'));
    const { stderr, stdout } = await expectExit(3, ['generate', '--site', site.path]);
    expect(stdout).toBe('');
    expect(stderr).toMatch(new RegExp(`^berth\\.yaml:${place}${place.endsWith(':') ? '\\d' : '\\b'}`, 'm'));
    expect(stderr).toContain(says);
    expect(stderr).toMatch(/→ correct berth\.yaml; nothing was written\n$/);
    expect(stderr).not.toContain('\u001b');
    expect(stderr.length).toBeLessThan(20_000);
    expect(snapshot(site.path).filter((line) => !line.includes('berth.yaml'))).toEqual(before);
  });

  test('has several faults shows all of them, in the order of the file', async () => {
    using site = fresh();
    writeFileSync(
      join(site.path, 'berth.yaml'),
      web('    memory: 2gb\n    uses: [nobody]\n').replace('shop/web:1', 'shop/web').replace('3000', '0'),
    );
    const { stderr } = await expectExit(3, ['plan', '--site', site.path]);
    expect([...stderr.matchAll(/^berth\.yaml:(\d+:\d+)/gm)].map((match) => match[1])).toEqual(['7:12', '8:11', '9:13', '10:12']);
    expect(stderr).toContain('error: berth.yaml has 4 problems\n');
  });

  test('is a folder is refused in words', async () => {
    using site = fresh();
    rmSync(join(site.path, 'berth.yaml'));
    mkdirSync(join(site.path, 'berth.yaml'));
    expect((await expectExit(6, ['plan', '--site', site.path])).stderr).toContain('a folder stands where a file is needed');
  });
});

describe('what Berth keeps for itself', () => {
  test.each([
    { file: '.berth/hashes.json', text: '{', code: 6 },
    { file: '.berth/hashes.json', text: '{"version":1,"files":{"../../etc/passwd":"00"}}', code: 6 },
    { file: '.berth/hashes.json', text: '{"version":99,"files":{}}', code: 8 },
    { file: '.berth/lock', text: 'not a lock', code: 6 },
    { file: 'SITE.md', text: Buffer.from([0xff, 0xfe]), code: 6 },
  ])('as $file with $text is refused in words', async ({ file, text, code }) => {
    using site = fresh();
    rmSync(join(site.path, file), { force: true });
    writeFileSync(join(site.path, file), text);
    const { stderr, code: found } = await berth(['generate', '--site', site.path]);
    expect([found, stderr]).toEqual([code, expect.stringMatching(/^error: .+\n→ .+\n$/)]);
  });
});
