import { readdirSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { post, startTestEngine, type TestEngine } from '../support.js';

const MAX_SPOOL_BYTES = 1 << 20;

describe('inserts that wait', () => {
  let engine: TestEngine;
  let url: string;

  beforeAll(async () => {
    engine = await startTestEngine({ maxSpoolBytes: MAX_SPOOL_BYTES });
    ({ url } = engine.engine);
    await post(url, 'CREATE TABLE t (s String) ENGINE = MergeTree ORDER BY tuple()');
  });

  afterAll(() => engine?.close());

  const insert = (bytes: number) => post(url, `${'x'.repeat(bytes - 1)}\n`, { query: 'INSERT INTO t FORMAT TSV' });
  const spooledBytes = () => {
    const directory = join(engine.dataDir, 'spool');
    return readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
  };
  const rows = async () => Number((await post(url, 'SELECT count() FROM t')).text);

  /** An insert whose data has begun to come and does not end until it is told to. */
  async function slowInsert(bytes: number) {
    const parameters = new URLSearchParams({ query: 'INSERT INTO t FORMAT TSV' });
    const sending = request(`${url}/?${parameters}`, { method: 'POST' });
    const answered = new Promise<number>((resolve, reject) => {
      sending.once('error', reject).once('response', response => resolve(response.resume().statusCode ?? 0));
    });
    await new Promise(written => sending.write('x'.repeat(bytes), written));
    return { end: () => sending.end('\n'), answered };
  }

  it('together they have no more room than the limit; what does not fit comes again', async () => {
    const slow = await slowInsert(MAX_SPOOL_BYTES - 100_000);
    // Its data must be there first, or it would be the one for which there is no room.
    await expect.poll(spooledBytes).toBe(MAX_SPOOL_BYTES - 100_000);
    const refused = await insert(200_000);
    expect([refused.status, refused.headers.get('x-clickhouse-exception-code')]).toEqual([503, '243']);
    expect((await insert(50_000)).status).toBe(200);
    slow.end();
    expect(await slow.answered).toBe(200);
    expect((await insert(200_000)).status).toBe(200);
  });

  it('one that can never fit is refused for good, and leaves its room to the others', async () => {
    const before = await rows();
    const refused = await insert(MAX_SPOOL_BYTES + 1);
    expect([refused.status, refused.headers.get('x-clickhouse-exception-code')]).toEqual([413, '229']);
    for (let round = 0; round < 5; round++) expect((await insert(MAX_SPOOL_BYTES)).status).toBe(200);
    expect(await rows()).toBe(before + 5);
  });
});
