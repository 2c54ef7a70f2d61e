import { describe, expect, test } from 'vitest';
import { helloPlan } from '../render/hello.ts';

const filtered = {
  'services.web.routes': [{ path: '/' }, { path: '/admin/', allow: ['10.0.0.0/8'] }, { path: '/hooks/', methods: ['POST'] }],
  'edge.deny': ['192.0.2.1'],
};
const notesOf = (kubernetes: object, set: object = {}): readonly string[] =>
  helloPlan({ target: 'kubernetes', set: { kubernetes, ...set } }).notes.filter((note) => note.includes('refuses nobody'));

describe('what the edge refuses', () => {
  test.each([
    ['gateway', 'gateway'],
    ['ingress', 'ingress controller'],
  ])('is said to stand open behind a %s of the cluster', (expose, way) => {
    expect(notesOf({ expose, class: 'shared' }, filtered)).toEqual([
      `requests come in by the ${way} of the cluster, which refuses nobody: methods and addresses of /admin/, /hooks/ and edge.deny have to be said to it in its own way, or the paths stand open`,
    ]);
    expect(notesOf({ expose, class: 'shared' })).toEqual([]);
  });

  test('is refused by the edge of Berth, and nothing is said', () => {
    expect(notesOf({ expose: 'loadBalancer' }, filtered)).toEqual([]);
  });

  test('is on one host not told from the host itself where it comes by IPv6, which is said where addresses count', () => {
    const said = (set: object) => helloPlan({ set: { ...set } }).notes.filter((note) => note.includes('whoever comes by IPv6'));
    expect(said(filtered)).toHaveLength(1);
    expect(said({ 'services.web.routes': [{ path: '/', methods: ['GET'] }] })).toEqual([]);
  });
});
