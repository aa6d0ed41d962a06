import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { loadConfig } from '../../cli/config.js';
import { openConfiguredStore } from '../../cli/open-store.js';
import { freePorts } from '../support/throughline.js';

test('strangers ask the embedded store with the rights of their role, its owner with all', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'throughline-open-store-'));
  const [port] = await freePorts(1);
  const env = { THROUGHLINE_DATA_DIR: dataDir, THROUGHLINE_STORE_EMBEDDED_PORT: String(port) };
  const opened = await openConfiguredStore(loadConfig({ env }), pino({ level: 'silent' }));
  const { store, role } = opened.sql;
  expect(await store.queryRows('SELECT count() FROM traces', undefined, { role })).toEqual([['0']]);
  await expect(store.queryRows('SELECT count() FROM progress', undefined, { role })).rejects.toThrow(/privileges/);
  expect(await opened.store.queryRows('SELECT count() FROM progress')).toEqual([['0']]);
  await opened.close();
  await rm(dataDir, { recursive: true });
});
