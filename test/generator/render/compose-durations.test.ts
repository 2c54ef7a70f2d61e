import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { readAssets } from '../../../generator/io/assets.ts';
import { renderCompose } from '../../../generator/render/compose.ts';
import { helloPlan } from './hello.ts';

const assets = readAssets('.');

test.each([
  ['90s', '90s'],
  ['60m', '1h'],
  ['24h', '24h'],
  ['7d', '168h'],
])('a grace of %s is written as %s: Compose reads no days', (stopGrace, written) => {
  const plan = helloPlan({ set: { 'services.web.stopGrace': stopGrace } });
  const { content } = renderCompose(plan, assets.templates, assets.images, new Map());
  const { services } = parse(content) as { services: Record<string, { stop_grace_period?: unknown }> };
  expect(services['web-blue']?.stop_grace_period).toBe(written);
});
