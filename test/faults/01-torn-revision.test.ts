/**
 * Fault 1, between the two writes of a revision: its row is stored and the tombstone under its old key is not, or the other
 * way round. They travel in one block, which a server may still store in parts; here a proxy sees to it, and the stitcher is
 * killed before the rest.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startProxy } from '../store/proxy.js';
import { ExternalStore } from './support/external-store.js';
import { SEED } from './support/seeds.js';
import { Trial } from './support/trial.js';

const STAGING = 'throughline.torn_revisions';

/** Stores of one block of revisions, the first that has a tombstone, only the rows of one kind; says when. */
class Tearing {
  kept: 'rows' | 'tombstones' | null = null;
  tornRows = 0;
  onTorn = (): void => {};
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async sql(text: string): Promise<string> {
    const response = await fetch(this.#url, { method: 'POST', body: text });
    const answer = await response.text();
    if (response.status !== 200) throw new Error(`${text}: ${answer}`);
    return answer;
  }

  /** Puts the block aside, and stores half of it if it has both kinds; else it goes on as it is. */
  async tear(query: string, block: Buffer): Promise<boolean> {
    await this.sql(`CREATE TABLE IF NOT EXISTS ${STAGING} AS throughline.trace_revisions`);
    await this.sql(`TRUNCATE TABLE ${STAGING}`);
    const staged = query.replace(/INSERT INTO\s+`?trace_revisions`?/, `INSERT INTO ${STAGING}`);
    const response = await fetch(`${this.#url}/?query=${encodeURIComponent(staged)}`, {
      method: 'POST',
      body: new Uint8Array(block),
    });
    if (response.status !== 200) throw new Error(await response.text());
    const tombstones = Number(await this.sql(`SELECT countIf(is_deleted) FROM ${STAGING}`));
    if (tombstones === 0) return false;
    this.tornRows += tombstones;
    const kept = this.kept === 'tombstones' ? '' : 'NOT';
    this.kept = null;
    await this.sql(`INSERT INTO throughline.trace_revisions SELECT * FROM ${STAGING} WHERE ${kept} is_deleted`);
    this.onTorn();
    return true;
  }
}

describe(`a revision of which half is stored (seed ${SEED})`, () => {
  test('is made whole after the kill, whichever half it is', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'throughline-faults-'));
    onTestFinished(() => rm(dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }));
    const store = await ExternalStore.start(dataDir);
    onTestFinished(() => store.destroy());
    const tearing = new Tearing(store.url);
    const proxy = await startProxy(store.url, {
      request: async passing => {
        const query = passing.url.searchParams.get('query') ?? '';
        const isTorn =
          tearing.kept !== null &&
          /^INSERT INTO `?trace_revisions/.test(query) &&
          (await tearing.tear(query, passing.body));
        return isTorn ? 'never' : {};
      },
    });
    onTestFinished(() => proxy.close());
    const env = { ...store.env, THROUGHLINE_STORE_CLICKHOUSE_URL: proxy.url };
    const trial = await Trial.start(SEED, { dataDir, env });
    const { system } = trial;
    for (const kept of ['rows', 'tombstones'] as const) {
      // Many late spans, so that revisions move.
      const load = trial.load(200, { spansPerBatch: 15 });
      await load.reached(10);
      const torn = new Promise<void>(resolve => {
        tearing.onTorn = resolve;
      });
      tearing.kept = kept;
      await torn;
      await system.kill('up');
      system.program('up').start();
      await load.done;
      await system.ready();
      await trial.judge();
    }
    expect(tearing.tornRows).toBeGreaterThanOrEqual(2);
  });
});
