import { describe, expect, test } from 'vitest';
import { oneLine, problemsOf, specOf, web } from './specs.ts';

const withBackups = (lines: string): string => `${web('runtime: node')}backups:\n${lines.replaceAll(/^/gm, '  ')}\n`;
const lines = (text: string) => problemsOf(withBackups(text)).map(oneLine);
const bucket = 'bucket: { endpoint: https://s3.example:9000, name: shop-backups, accessKey: shop }';

describe('backups', () => {
  test('into a folder of this machine are refused for a cluster, where no pod would reach it', () => {
    const inCluster = (engine: string, text: string) =>
      problemsOf(`target: kubernetes\n${withBackups(text)}databases:\n  data: ${engine}\n`).map(oneLine);
    const says = /backups\.folder: no pod reaches a folder of this machine, so nothing would copy data \| name a bucket/;
    for (const engine of ['postgres', 'mysql', 'mariadb', 'mongodb', 'sqlserver, edition: express, acceptLicence: true'])
      expect(inCluster(`{ engine: ${engine} }`, 'folder: /srv/b').filter((line) => says.test(line))).toHaveLength(1);
    for (const [engine, text] of [
      ['{ engine: postgres }', bucket],
      ['{ engine: postgres }', 'folder: /srv/b\ndatabases: none'],
      ['{ engine: postgres, operator: cloudnative-pg }', 'folder: /srv/b'],
    ] as const)
      expect(inCluster(engine, text).filter((line) => line.includes('no pod reaches'))).toEqual([]);
  });

  test('of what has changed are refused where a database has none, and it is named', () => {
    const within = (databases: string, line = 'databases: { schedule: "30 1 * * 0", increments: "30 1 * * *" }') =>
      problemsOf(`${withBackups(`folder: /srv/b\n${line}`)}databases:\n${databases}`)
        .map(oneLine)
        .filter((each) => each.includes('increments'));
    expect(within('  data: { engine: postgres }\n  books: { engine: mariadb }\n  shop: { engine: mysql }\n')).toEqual([
      expect.stringMatching(
        /backups\.databases\.increments: only PostgreSQL and SQL Server can copy what has changed, and this site has books \(mariadb\), shop \(mysql\) \| remove increments/,
      ),
    ]);
    expect(within('  data: { engine: postgres }\n')).toEqual([]);
    expect(within('  data: { engine: postgres }\n  books: { engine: mariadb }\n', 'databases: { schedule: "30 1 * * 0" }')).toEqual([]);
    expect(within('  data: { engine: postgres }\n', 'databases: { increments: nightly }')).toEqual([
      expect.stringContaining('expected a schedule of five fields'),
    ]);
  });

  test('of a SQL Server by somebody else than its own user are refused: nobody else may read what it writes', () => {
    const by = (text: string) =>
      problemsOf(
        `${withBackups(`folder: /srv/b\n${text}`)}databases:\n  data: { engine: sqlserver, edition: express, acceptLicence: true }\n`,
      )
        .map(oneLine)
        .filter((line) => line.includes('backups.user'));
    expect(by('user: 1000:1000')).toEqual([expect.stringMatching(/data is a SQL Server, whose backups 10001:10001 alone may read/)]);
    expect([by('user: 10001:10001'), by('user: 1000:1000\ndatabases: none'), by('prune: "0 1 * * *"')]).toEqual([[], [], []]);
  });

  test.each([
    ['that go nowhere', 'timeZone: UTC', /backups: nothing says where backups go \| add folder/],
    ['that go to two places', `folder: /srv/backups\n${bucket}`, /10:3 backups\.folder: backups go to one place/],
    ['into a relative folder', 'folder: backups', /expected an absolute path such as \/srv\/backups/],
    ['into a folder that .. leaves', 'folder: /srv/../etc', /expected an absolute path/],
    ['to an address without a scheme', bucket.replace('https://', ''), /expected an address such as https/],
    ['to a bucket without an account', bucket.replace(', accessKey: shop', ''), /backups\.bucket\.accessKey: missing/],
    ['with an authority outside of the site', bucket.replace(' }', ', ca: /etc/ca.pem }'), /expected a file of the site/],
    ['that are drilled by no key', 'folder: /srv/b\ndrill: { schedule: "0 4 1 * *" }', /backups\.drill\.key: missing/],
    [
      'that are drilled by a key beside them',
      'folder: /srv/b\ndrill: { key: /srv/b/operator.key }',
      /backups\.drill\.key: the key would lie in \/srv\/b, with what it opens/,
    ],
    ['that are drilled at no time', 'folder: /srv/b\ndrill: { key: /k/o.key, schedule: monthly }', /expected a schedule of five fields/],
    ['that are pruned on a day that never comes', 'folder: /srv/b\nprune: "0 0 31 2 *"', /backups\.prune: expected a day that comes/],
    [
      'that are drilled every never',
      'folder: /srv/b\ndrill: { key: /k/o.key, every: 0 }',
      /backups\.drill\.every: expected a number of days/,
    ],
    ['at no time', 'folder: /srv/b\nprune: "every day"', /expected a schedule of five fields/],
    ['in no zone', 'folder: /srv/b\ntimeZone: Mars', /expected a time zone/],
    ['that keep nothing', 'folder: /srv/b\nsecrets: { keep: {} }', /backups\.secrets\.keep: expected/],
    ['that keep none', 'folder: /srv/b\nsecrets: { keep: { last: 0 } }', /backups\.secrets\.keep/],
    ['by a cipher that is none', 'folder: /srv/b\nsuite: rot13', /backups\.suite: expected aes256 or age/],
    ['for one recipient alone', 'folder: /srv/b\nsecrets: { recipients: [operator] }', /expected at least two recipients/],
    [
      'for one recipient twice',
      'folder: /srv/b\nsecrets: { recipients: [operator, operator] }',
      /recipients\[1\]: "operator" stands twice/,
    ],
    ['for a recipient with a path', 'folder: /srv/b\nsecrets: { recipients: [a/b, c] }', /expected the name of a recipient/],
    ['as root', 'folder: /srv/b\nuser: "0:0"', /backups\.user: expected the numbers of a user/],
    ['into a bucket that somebody owns', `${bucket}\nuser: "1000:1000"`, /backups\.user: a bucket has no owner/],
    ['of databases by half a word', 'folder: /srv/b\ndatabases: no', /backups\.databases: expected none, or when/],
    ['of buckets by half a word', 'folder: /srv/b\nbuckets: no', /backups\.buckets: expected none, or when/],
    ['of no bucket by name', 'folder: /srv/b\nbuckets: { names: [] }', /backups\.buckets/],
    [
      'of a bucket that nobody has',
      'folder: /srv/b\nbuckets: { names: [files.uploads] }',
      /backups\.buckets\.names\[0\]: no store of this site has the bucket "files\.uploads" \| remove it; this site has no store/,
    ],
    ['of buckets for one recipient alone', 'folder: /srv/b\nbuckets: { recipients: [operator] }', /backups\.buckets/],
    [
      'of buckets for one recipient twice',
      'folder: /srv/b\nbuckets: { recipients: [operator, operator] }',
      /backups\.buckets\.recipients\[1\]: "operator" stands twice/,
    ],
    ['of caches by half a word', 'folder: /srv/b\ncaches: no', /backups\.caches: expected none, or when/],
    ['of caches at no time', 'folder: /srv/b\ncaches: { schedule: hourly }', /backups\.caches/],
    ['of caches by name', 'folder: /srv/b\ncaches: { names: [sessions] }', /backups\.caches/],
    [
      'of caches for one recipient twice',
      'folder: /srv/b\ncaches: { recipients: [operator, operator] }',
      /backups\.caches\.recipients\[1\]: "operator" stands twice/,
    ],
    ['of volumes by half a word', 'folder: /srv/b\nvolumes: no', /backups\.volumes: expected none, or when/],
    ['of volumes that keep none', 'folder: /srv/b\nvolumes: { keep: {} }', /backups\.volumes/],
    [
      'of volumes for one recipient twice',
      'folder: /srv/b\nvolumes: { recipients: [operator, operator] }',
      /backups\.volumes\.recipients\[1\]: "operator" stands twice/,
    ],
    ['in an image without a name', 'folder: /srv/b\nimage: "Not An Image"', /backups\.image: expected an image reference such as/],
    ['in an image of whichever version', 'folder: /srv/b\nimage: debian:latest', /backups\.image: expected a tag that names one version/],
    ['further behind than an hour', 'folder: /srv/b\ndatabases: { rpo: 7200 }', /backups\.databases/],
    [
      'with a second copy that goes nowhere',
      'folder: /srv/b\noffsite: {}',
      /backups\.offsite: nothing says where backups go \| add folder: \/mnt\/offsite/,
    ],
    [
      'with a second copy at two places',
      `folder: /srv/b\noffsite:\n  folder: /mnt/b\n  ${bucket}`,
      /backups\.offsite\.folder: backups go to one place/,
    ],
    [
      'with a second copy that is the first',
      'folder: /srv/b\noffsite: { folder: /srv/b }',
      /backups\.offsite: the second copy would be the first/,
    ],
    ['with a second place within the first', 'folder: /srv/b\noffsite: { folder: /srv/b/sub }', /backups\.offsite: one of the two places/],
    ['with a first place within the second', 'folder: /mnt/b/sub\noffsite: { folder: /mnt/b }', /backups\.offsite: one of the two places/],
    [
      'with a second copy in the bucket of the first',
      `${bucket}\noffsite: { ${bucket} }`,
      /backups\.offsite: the second copy would be the first/,
    ],
    ['of something unknown', 'folder: /srv/b\nconfig: {}', /backups\.config: unknown key/],
  ])('%s are refused with their place', (_, text, problem) => {
    expect(lines(text)).toEqual([expect.stringMatching(problem)]);
  });

  test('of a bucket do not take the name of those of the configuration or the secrets', () => {
    const within = (store: string, named = '') =>
      problemsOf(
        `${withBackups(`folder: /srv/b\nbuckets: { ${named} }`)}stores:\n  ${store}: { engine: minio, buckets: { secrets: {}, more: {} } }\n`,
      ).map(oneLine);
    const says = expect.stringMatching(/stores\.site\.buckets\.secrets: its backups would have the name of those of the secrets/) as string;
    expect(within('site')).toEqual([says]);
    expect(within('site', 'names: [site.secrets]')).toEqual([says]);
    expect([within('site', 'names: [site.more]'), within('files')]).toEqual([[], []]);
  });

  test('of buckets name them with their stores, each once', () => {
    const stores = 'stores:\n  files: { engine: minio, buckets: { uploads: {}, tmp: {} } }\n';
    const named = (names: string) => problemsOf(`${withBackups(`folder: /srv/b\nbuckets: { names: [${names}] }`)}${stores}`).map(oneLine);
    expect(named('files.uploads')).toEqual([]);
    expect(named('uploads, files.tmp, files.tmp')).toEqual([
      expect.stringMatching(/names\[0\]: no store of this site has the bucket "uploads" \| write one of: files\.uploads, files\.tmp/),
      expect.stringMatching(/names\[2\]: "files\.tmp" stands twice/),
    ]);
  });

  test('in a bucket have a user where there are files of services to be read', () => {
    const volumes = 'volumes:\n  uploads: { disk: 1Gi }\n';
    const withVolume = `${withBackups(`${bucket}\nuser: "10001:10001"`)}${volumes}`.replace(
      '    port: 3000',
      '    port: 3000\n    volumes: { uploads: /srv/uploads }',
    );
    expect(problemsOf(withVolume).map(oneLine)).toEqual([]);
  });

  test('are drilled once a month where a key is named, and not in a cluster', () => {
    const drill = 'drill: { key: /home/shop/keys/shop-operator.key }';
    expect(specOf(withBackups(`folder: /srv/backups\n${drill}`)).backups?.drill).toEqual({
      key: '/home/shop/keys/shop-operator.key',
      schedule: '15 4 1 * *',
      every: 35,
      tight: false,
    });
    expect(problemsOf(`target: kubernetes\n${withBackups(`${bucket}\n${drill}`)}`).map(oneLine)).toEqual([
      expect.stringMatching(/backups\.drill: a site in a cluster is not drilled \| remove drill/),
    ]);
  });

  test('are made on change, and keep configuration for ever and thirty versions of secrets, unless the spec says otherwise', () => {
    expect(specOf(withBackups('folder: /srv/backups')).backups).toEqual({
      store: { folder: '/srv/backups' },
      lease: 'file',
      suite: 'aes256',
      timeZone: 'UTC',
      configuration: { schedule: '*/5 * * * *', keep: 'forever' },
      secrets: { schedule: '*/5 * * * *', keep: { last: 30 } },
      databases: { schedule: '30 1 * * *', keep: { days: 14, weekly: 8, monthly: 12 }, prove: '30 3 * * *', rpo: 60 },
      buckets: { schedule: '7 * * * *', keep: { days: 2, daily: 14, weekly: 8, monthly: 12 }, prove: '37 4 * * 6' },
      caches: { schedule: '23 * * * *', keep: { days: 2, daily: 14, weekly: 8 } },
      volumes: { schedule: '53 1 * * *', keep: { days: 7, weekly: 8, monthly: 12 } },
      verify: '47 3 * * 0',
      prune: '17 4 * * *',
    });
    expect(specOf(withBackups(bucket)).backups).toMatchObject({
      store: { bucket: { region: 'us-east-1', addressing: 'path' } },
      lease: 'store',
    });
    expect(specOf(withBackups('folder: /srv/backups\ndatabases: none')).backups?.databases).toBeUndefined();
    for (const kind of ['buckets', 'caches', 'volumes'] as const)
      expect(specOf(withBackups(`folder: /srv/backups\n${kind}: none`)).backups?.[kind]).toBeUndefined();
    expect(specOf(web('runtime: node')).backups).toBeUndefined();
  });
});
