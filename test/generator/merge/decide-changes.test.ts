import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Artifact } from '../../../model/artifact.ts';
import { decideChanges } from '../../../generator/merge/decide-changes.ts';
import type { SiteState } from '../../../generator/merge/decide-changes.ts';
import { applied, artifact, edited, emptySite, hashesOf, written } from './artifacts.ts';

const actions = (artifacts: readonly Artifact[], state: SiteState): string[] =>
  decideChanges(artifacts, state).changes.map(({ action, path }) => `${action} ${path}`);

describe('a file that is not there', () => {
  test.each(['generated', 'owned', 'secret', 'once'] as const)('is created when it is %s', (policy) => {
    const [change] = decideChanges([artifact(policy, 'a\n')], emptySite).changes;
    expect(change).toMatchObject({ action: 'create', content: 'a\n' });
    expect(change).not.toHaveProperty('before');
  });

  test.each(['generated', 'owned', 'secret', 'once'] as const)('is written again when the operator deleted it and it is %s', (policy) => {
    const it = artifact(policy, 'a\n');
    expect(actions([it], edited(written(it), undefined))).toEqual(['create config/app.conf']);
  });
});

describe('a file as Berth wrote it', () => {
  test.each(['generated', 'owned', 'secret'] as const)('is replaced when it is %s', (policy) => {
    const decision = decideChanges([artifact(policy, 'b\n')], written(artifact(policy, 'a\n')));
    expect(decision.changes).toMatchObject([{ action: 'update', content: 'b\n', before: 'a\n' }]);
  });

  test.each(['generated', 'owned', 'secret', 'once'] as const)('is left alone when nothing is new and it is %s', (policy) => {
    const it = artifact(policy, 'a\n');
    const decision = decideChanges([it], written(it));
    expect(decision.changes).toEqual([]);
    expect(decision.memory).toMatchObject({ hashesChanged: false, baseWritten: new Map(), baseRemoved: [] });
  });

  test('gets its permission bits back', () => {
    const it = artifact('owned', 'a\n');
    const loose = { ...written(it), modes: new Map([[it.path, 0o666]]) };
    expect(decideChanges([it], loose).changes).toMatchObject([{ action: 'chmod', mode: 0o644, content: 'a\n', before: 'a\n' }]);
  });
});

describe('an edited generated file', () => {
  const [old, fresh] = [artifact('generated', 'one\ntwo\nthree\nfour\n'), artifact('generated', 'one\ntwo\nthree\nFOUR\n')];

  test('keeps its edit while the template is what it was', () => {
    const decision = decideChanges([old], edited(written(old), 'ONE\ntwo\nthree\nfour\n'));
    expect(decision.changes).toEqual([]);
    expect(decision.merged.get(old.path)).toBe('ONE\ntwo\nthree\nfour\n');
  });

  test('keeps its edit and takes what is new elsewhere', () => {
    const decision = decideChanges([fresh], edited(written(old), 'ONE\ntwo\nthree\nfour\n'));
    expect(decision.changes).toMatchObject([{ action: 'merge', content: 'ONE\ntwo\nthree\nFOUR\n', before: 'ONE\ntwo\nthree\nfour\n' }]);
    expect(decision.merged.get(old.path)).toBe('ONE\ntwo\nthree\nFOUR\n');
  });

  test('is a conflict that names the line when both sides changed it', () => {
    const decision = decideChanges([fresh], edited(written(old), 'one\ntwo\nthree\nvier\n'));
    expect(decision.changes).toEqual([]);
    expect(decision.conflicts).toMatchObject([{ path: old.path, reason: 'was edited in line 4, where the new version differs too' }]);
    expect(decision.conflicts[0]?.diff).toContain('-FOUR\n+vier\n');
    expect(decision.merged.get(old.path)).toBe('one\ntwo\nthree\nvier\n');
  });

  test('is no conflict when the operator made the very change of the new version, and later versions start from there', () => {
    const state = edited(written(old), fresh.content);
    const decision = decideChanges([fresh], state);
    expect(decision).toMatchObject({ changes: [], conflicts: [] });
    expect(actions([artifact('generated', 'new\n')], applied(decision, state))).toEqual(['update config/app.conf']);
  });

  test('is left alone when it has the change of the new version among its own', () => {
    const decision = decideChanges([fresh], edited(written(old), 'ONE\ntwo\nthree\nFOUR\n'));
    expect(decision).toMatchObject({ changes: [], conflicts: [], memory: { hashesChanged: true } });
  });

  test.each([
    ['is missing', new Map<string, string>()],
    ['was tampered with', new Map([['config/app.conf', 'one\n']])],
  ])('is a conflict when the base copy %s and the template changed', (_, base) => {
    const decision = decideChanges([fresh], { ...edited(written(old), 'ONE\ntwo\nthree\nfour\n'), base });
    expect(decision.conflicts[0]?.reason).toContain('the copy of what Berth wrote');
    expect(decideChanges([old], { ...edited(written(old), 'ONE\n'), base })).toMatchObject({ changes: [], conflicts: [] });
  });

  test('is merged again by the version after next', () => {
    const state = edited(written(old), 'ONE\ntwo\nthree\nfour\n');
    const later = decideChanges([artifact('generated', 'one\ntwo\n3\nFOUR\n')], applied(decideChanges([fresh], state), state));
    expect(later.merged.get(old.path)).toBe('ONE\ntwo\n3\nFOUR\n');
  });
});

describe('an edited owned file', () => {
  test.each([
    ['compose.yaml', 'compose.override.yaml'],
    ['runtime.yaml', 'berth.yaml'],
    ['.env', 'release.yaml'],
    ['k8s/generated/web.yaml', 'k8s/site'],
    ['anything.else', 'berth.yaml'],
  ])('%s is a conflict that points to %s', (path, place) => {
    const it = artifact('owned', 'a\n', path);
    const decision = decideChanges([it], edited(written(it), 'a\nmine\n', path));
    expect(decision.changes).toEqual([]);
    expect(decision.conflicts[0]?.hint).toContain(place);
    expect(decision.conflicts[0]?.diff).toContain('+mine\n');
  });

  test('is no conflict once it holds what Berth would write', () => {
    const state = edited(written(artifact('owned', 'a\n')), 'b\n');
    expect(decideChanges([artifact('owned', 'b\n')], state)).toMatchObject({ changes: [], conflicts: [], memory: { hashesChanged: true } });
  });
});

describe('a secret', () => {
  const it = artifact('secret', 'PASSWORD=hunter2\n', 'secrets/web.env');

  test('shows neither side when it was edited', () => {
    const decision = decideChanges([it], edited(written(it), 'PASSWORD=letmein\n', it.path));
    expect(decision.conflicts).toHaveLength(1);
    expect(decision.conflicts[0]?.hint).toContain('delete secrets/web.env');
    expect(JSON.stringify(decision.conflicts)).not.toMatch(/hunter2|letmein/);
  });

  test('is never to be deleted where it is the ledger, from which all others are made', () => {
    const ledger = artifact('secret', '{"version":1}\n', 'secrets/ledger.json');
    const [conflict] = decideChanges([ledger], edited(written(ledger), '{}\n', ledger.path)).conflicts;
    expect(conflict?.hint).toMatch(/^put your newest copy of it back, or undo the edit; do not delete it: /);
  });

  test('shows neither side when it was there before Berth', () => {
    const decision = decideChanges([it], { ...emptySite, current: new Map([[it.path, 'PASSWORD=letmein\n']]) });
    expect(JSON.stringify(decision.conflicts)).not.toMatch(/hunter2|letmein/);
  });

  test('has no base copy, and every change to it says that it is one', () => {
    const fresh = artifact('secret', 'PASSWORD=other\n', it.path);
    expect(written(it).base.size).toBe(0);
    for (const next of [[fresh], []]) expect(decideChanges(next, written(it)).changes).toMatchObject([{ secret: true }]);
    expect(decideChanges([artifact('generated', 'a\n')], emptySite).changes).toMatchObject([{ secret: false }]);
  });

  test('that became merged text, or the other way round, moves its base copy along', () => {
    const [open, closed] = [artifact('generated', 'a\n'), artifact('secret', 'a\n')];
    expect(decideChanges([closed], written(open)).memory.baseRemoved).toEqual([open.path]);
    expect([...decideChanges([open], written(closed)).memory.baseWritten.keys()]).toEqual([open.path]);
  });
});

describe('a file that was there before Berth', () => {
  test.each(['generated', 'owned', 'secret'] as const)('is a conflict when it differs and is %s', (policy) => {
    const decision = decideChanges([artifact(policy, 'a\n')], edited(emptySite, 'b\n'));
    expect(decision).toMatchObject({ changes: [], conflicts: [{ reason: 'is there already and was not written by Berth' }] });
  });

  test.each(['generated', 'owned', 'secret'] as const)('is taken over without a word when it is the same and is %s', (policy) => {
    const state = edited(emptySite, 'a\n');
    const decision = decideChanges([artifact(policy, 'a\n')], state);
    expect(decision).toMatchObject({ changes: [], conflicts: [], memory: { hashes: hashesOf({ 'config/app.conf': 'a\n' }) } });
    expect(actions([artifact(policy, 'b\n')], applied(decision, state))).toEqual(['update config/app.conf']);
  });

  test('is never touched when it is written once, whatever its mode', () => {
    const state = { ...edited(emptySite, 'mine\n'), modes: new Map([['config/app.conf', 0o600]]) };
    const decision = decideChanges([artifact('once', 'a\n')], state);
    expect(decision).toMatchObject({ changes: [], conflicts: [], memory: { hashesChanged: false } });
    expect(decision.merged.get('config/app.conf')).toBe('mine\n');
  });
});

describe('a file that Berth no longer produces', () => {
  test.each(['generated', 'owned', 'secret'] as const)('is deleted with all memory of it when unedited and %s', (policy) => {
    const decision = decideChanges([], written(artifact(policy, 'a\n')));
    expect(decision.changes).toMatchObject([{ action: 'delete', before: 'a\n' }]);
    expect(decision.changes[0]).not.toHaveProperty('content');
    expect(applied(decision, written(artifact(policy, 'a\n')))).toMatchObject({ base: new Map(), hashes: new Map() });
  });

  test('stays as a leftover when edited, and is merged again should Berth produce it once more', () => {
    const state = edited(written(artifact('generated', 'a\nb\nc\n')), 'A\nb\nc\n');
    const decision = decideChanges([], state);
    expect(decision).toMatchObject({
      changes: [],
      conflicts: [],
      leftovers: ['config/app.conf'],
      memory: { hashesChanged: false, baseRemoved: [] },
    });
    expect(decideChanges([artifact('generated', 'a\nb\nC\n')], applied(decision, state)).merged.get('config/app.conf')).toBe('A\nb\nC\n');
  });

  test('is forgotten when the operator deleted it too', () => {
    const decision = decideChanges([], edited(written(artifact('generated', 'a\n')), undefined));
    expect(decision).toMatchObject({ changes: [], leftovers: [], memory: { hashesChanged: true, baseRemoved: ['config/app.conf'] } });
  });

  test('is the operator’s when it was written once', () => {
    expect(decideChanges([], written(artifact('once', 'a\n')))).toMatchObject({
      changes: [],
      leftovers: [],
      memory: { hashesChanged: false },
    });
  });
});

describe('decisions as a whole', () => {
  test('come sorted by path, whatever the order of the artifacts', () => {
    const gone = artifact('owned', 'x\n', 'b.yaml');
    const artifacts = ['c.yaml', 'a/z', 'a.yaml', 'Z'].map((path) => artifact('owned', 'a\n', path));
    expect(actions(artifacts, written(gone))).toEqual(['create Z', 'create a.yaml', 'create a/z', 'delete b.yaml', 'create c.yaml']);
    expect(decideChanges(artifacts.toReversed(), written(gone))).toEqual(decideChanges(artifacts, written(gone)));
  });

  test('name conflicts by path, too', () => {
    const state = edited(edited(emptySite, 'mine\n', 'b'), 'mine\n', 'a');
    const decision = decideChanges([artifact('owned', 'x\n', 'b'), artifact('owned', 'x\n', 'a')], state);
    expect(decision.conflicts.map(({ path }) => path)).toEqual(['a', 'b']);
  });

  test('are refused for two artifacts of one path', () => {
    expect(() => decideChanges([artifact('owned', 'a\n'), artifact('once', 'b\n')], emptySite)).toThrow(
      'two artifacts are called config/app.conf',
    );
  });

  const lines = fc.array(fc.constantFrom('a', 'b', 'c', 'd', ''), { maxLength: 8 }).map((all) => all.map((line) => `${line}\n`).join(''));
  const policy = fc.constantFrom('generated', 'owned', 'secret', 'once' as const);
  const artifacts = fc
    .uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'c/d', 'e'), policy, lines), { selector: ([path]) => path })
    .map((all) => all.map(([path, kind, content]) => artifact(kind, content, path)));
  const edits = fc.dictionary(fc.constantFrom('a', 'b', 'c/d', 'e', 'foreign'), fc.option(lines, { nil: undefined }), { maxKeys: 3 });

  test('leave nothing to decide once they are applied', () => {
    fc.assert(
      fc.property(artifacts, edits, artifacts, (first, changed, second) => {
        const before = Object.entries(changed).reduce((state, [path, content]) => edited(state, content, path), written(...first));
        const decision = decideChanges(second, before);
        fc.pre(decision.conflicts.length === 0);
        const again = decideChanges(second, applied(decision, before));
        expect(again).toMatchObject({ changes: [], conflicts: [], leftovers: decision.leftovers, merged: decision.merged });
        expect(again.memory).toMatchObject({ hashesChanged: false, baseWritten: new Map(), baseRemoved: [] });
      }),
    );
  });

  test('never replace or delete what an operator wrote into a file that is not merged', () => {
    fc.assert(
      fc.property(artifacts, edits, artifacts, (first, changed, second) => {
        const start = written(...first);
        const before = Object.entries(changed).reduce((state, [path, content]) => edited(state, content, path), start);
        for (const { path, action, content } of decideChanges(second, before).changes) {
          const [is, was] = [before.current.get(path), start.current.get(path)];
          if (is !== undefined && is !== was && action !== 'merge') expect(content).toBe(is);
        }
      }),
    );
  });
});
