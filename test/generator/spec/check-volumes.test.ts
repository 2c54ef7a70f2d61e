import { describe, expect, test } from 'vitest';
import { onlyProblem, specOf } from './specs.ts';

/** A spec with a web service and a worker, each with `lines` of its own, and volumes. */
const sharing = (webLines: string, jobsLines: string, volumes = '{ uploads: {} }'): string =>
  `apiVersion: berth/v1\nname: hello\nprofile: minimum\nservices:\n  web: { image: "r/web:1", port: 3000, ${webLines} }\n  jobs: { kind: worker, image: "r/jobs:1", ${jobsLines} }\nvolumes: ${volumes}\n`;

describe('volumes that services share', () => {
  test('are mounted where each service wants them, to write or only to read', () => {
    const spec = specOf(
      sharing(
        'volumes: { uploads: /srv/uploads }',
        'volumes: { uploads: { path: /in, readOnly: true } }',
        '{ uploads: { disk: 20Gi, storageClass: nfs } }',
      ),
    );
    expect(spec.volumes).toEqual([{ name: 'uploads', disk: 20_480, storageClass: 'nfs' }]);
    expect(spec.services.map(({ volumes }) => volumes)).toEqual([
      [{ name: 'uploads', path: '/srv/uploads', readOnly: false }],
      [{ name: 'uploads', path: '/in', readOnly: true }],
    ]);
  });

  test.each([
    ['volumes: { upload: /srv }', 'volumes: { uploads: /srv }', undefined, 'there is no volume "upload" | did you mean "uploads"?'],
    ['replicas: 1', 'replicas: 1', undefined, 'volumes.uploads: no service mounts it'],
    ['volumes: { uploads: srv }', 'volumes: { uploads: /srv }', undefined, 'services.web.volumes.uploads: expected an absolute path'],
    ['volumes: { uploads: /etc }', 'volumes: { uploads: /srv }', undefined, 'expected a folder of the application'],
    ['volumes: { uploads: { readOnly: true } }', 'volumes: { uploads: /srv }', undefined, 'services.web.volumes.uploads.path: missing'],
    ['volumes: { uploads: /tmp/up }', 'volumes: { uploads: /srv }', undefined, '/tmp/up and /tmp lie in one another'],
    [
      'volumes: { uploads: /srv, other: /srv/other }',
      'replicas: 1',
      '{ uploads: {}, other: {} }',
      '/srv/other and /srv lie in one another',
    ],
    ['writable: [/srv], volumes: { uploads: /srv }', 'replicas: 1', undefined, '/srv and /srv lie in one another'],
    [
      'volumes: { uploads: /srv }',
      'user: "33:33", volumes: { uploads: /srv }',
      undefined,
      'services.jobs.volumes.uploads: web mounts it as 10001:10001, and jobs runs as 33:33',
    ],
    ['volumes: { web: /srv }', 'replicas: 1', '{ web: {} }', 'the name "web" is already taken by services.web'],
    ['volumes: { uploads: /srv }', 'replicas: 1', '{ uploads: { size: 1Gi } }', 'volumes.uploads.size: unknown key'],
    ['volumes: { uploads: /srv }', 'replicas: 1', '{ uploads: { disk: 1gb } }', 'volumes.uploads.disk: expected'],
  ])('are refused for { %s } beside { %s }', (webLines, jobsLines, volumes, problem) => {
    expect(onlyProblem(sharing(webLines, jobsLines, volumes))).toContain(problem);
  });
});
