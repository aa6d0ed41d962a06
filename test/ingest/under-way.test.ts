import { expect, test } from 'vitest';
import { UnderWay } from '../../ingest/under-way.js';

const LONG_MS = 60_000;

async function isIdle(underWay: UnderWay): Promise<boolean> {
  return Promise.race([underWay.idle(LONG_MS).then(() => true), new Promise<boolean>(no => setImmediate(no, false))]);
}

test('a request that is ended twice counts once, so the others are still waited for', async () => {
  const underWay = new UnderWay();
  const endFirst = underWay.begin();
  const endSecond = underWay.begin();
  endFirst();
  endFirst();
  expect(await isIdle(underWay)).toBe(false);
  endSecond();
  expect(await isIdle(underWay)).toBe(true);
  const endThird = underWay.begin();
  expect(await isIdle(underWay)).toBe(false);
  endThird();
  expect(await isIdle(underWay)).toBe(true);
});

test('waiting ends when it has lasted too long', async () => {
  const underWay = new UnderWay();
  underWay.begin();
  await underWay.idle(10);
  expect(await isIdle(underWay)).toBe(false);
});
