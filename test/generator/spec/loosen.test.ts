import { describe, expect, test } from 'vitest';
import { loosenings } from '../../../model/loosened.ts';
import { onlyProblem, specOf, web } from './specs.ts';

const reason = 'its framework compiles templates beside its sources';
const inCluster = (text: string): string => text.replace('profile: minimum\n', 'profile: minimum\ntarget: kubernetes\n');

describe('what is loosened of the hardening', () => {
  test('is named, each with its reason', () => {
    expect(specOf(web(`loosen: { writableRoot: ${reason}, NET_BIND_SERVICE: "its port is 80, built in" }`)).services[0]?.loosened).toEqual([
      { what: 'writableRoot', because: reason },
      { what: 'NET_BIND_SERVICE', because: 'its port is 80, built in' },
    ]);
  });

  test('is nothing by default', () => {
    expect(specOf(web('runtime: other')).services[0]?.loosened).toEqual([]);
  });

  test.each(['privileged', 'root', 'SYS_ADMIN', 'NET_ADMIN', 'NET_RAW', 'DAC_OVERRIDE', 'MKNOD', 'SETFCAP', 'SETPCAP', 'ALL', 'host'])(
    'is never %s',
    (what) => {
      expect(onlyProblem(web(`loosen: { ${what}: ${reason} }`))).toContain(`services.web.loosen.${what}: unknown key`);
    },
  );

  test('is one of those that the message names', () => {
    expect(onlyProblem(web(`loosen: { seccomp: ${reason} }`))).toContain(`unknown key | known here: ${loosenings.join(', ')}`);
  });

  test('is known by its exact name', () => {
    expect(onlyProblem(web(`loosen: { writableRot: ${reason} }`))).toContain(
      'services.web.loosen.writableRot: unknown key | did you mean "writableRoot"?',
    );
  });

  test.each([
    ['true', 'a yes'],
    ['""', 'nothing'],
    ['because', 'less than ten characters'],
    [`"${'x'.repeat(201)}"`, 'more than 200'],
    ['"it writes there; it is old"', 'a semicolon, which parts reasons in a label'],
    ['"it writes there\\ncap_add: [ALL]"', 'a second line, which would leave its comment'],
    ['"it writes there\\u2028again and again"', 'a line separator'],
    ['"          "', 'blanks'],
    ['"it writes \\ufeff there"', 'a mark of the byte order, which YAML takes at the beginning of a file alone'],
    ['"it writes \\uffff there"', 'a character that is none'],
  ])('has no reason that is %s, %s', (because) => {
    expect(onlyProblem(web(`loosen: { writableRoot: ${because} }`))).toContain('services.web.loosen.writableRoot: expected a reason');
  });

  test.each(['loosen: [writableRoot]', 'loosen: writableRoot', 'loosen: true'])('is a map: { %s }', (line) => {
    expect(onlyProblem(web(line))).toContain('services.web.loosen: expected a map from what is loosened to the reason');
  });

  test.each(loosenings.filter((what) => !['writableRoot', 'NET_BIND_SERVICE'].includes(what)))(
    'is refused for a cluster, where Pod Security lets %s into no namespace of the site',
    (what) => {
      expect(onlyProblem(inCluster(web(`loosen: { ${what}: ${reason} }`)))).toContain(
        `services.web.loosen.${what}: Pod Security lets it into no namespace of the level restricted`,
      );
    },
  );

  test.each(['writableRoot', 'NET_BIND_SERVICE'])('may be %s in a cluster as well, as Pod Security allows it', (what) => {
    expect(specOf(inCluster(web(`loosen: { ${what}: ${reason} }`))).services[0]?.loosened).toHaveLength(1);
  });
});
