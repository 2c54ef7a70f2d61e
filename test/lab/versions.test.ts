import { expect, test } from 'vitest';
import { ensureEngine, ensureSecondCompose } from './engine.ts';
import { run } from './process.ts';

/** What the guide names as tried is what the lab runs on; with anything else the lab proves something, but not that. */
test('the engine is Docker Engine 26', async () => {
  const { engine, found } = await ensureEngine();
  expect(
    engine,
    `this is Docker Engine ${engine}, ${found ? 'which was here before the lab and was left as it is; take it away and the lab installs 26' : 'though the lab installs 26'}`,
  ).toMatch(/^26\./);
});

test('its Compose is 2.26', async () => {
  const { compose } = await ensureEngine();
  expect(compose, `\`docker compose\` is ${compose}, and not the 2.26 that Debian 13 has`).toMatch(/^v?2\.26\./);
});

test('the second Compose is 2.40', async () => {
  const second = await ensureSecondCompose();
  const version = await run([second, 'version', '--short']);
  expect(version, `${second} is Compose ${version}, and not the 2.40 that the guide names`).toMatch(/^v?2\.40\./);
});
