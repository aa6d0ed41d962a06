import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeSettings } from '../../schemas/index.js';
import { startTestEngine, type TestEngine } from './support.js';

const document = readFileSync('docs/clickhouse.md', 'utf8');
const statements = [...document.matchAll(/```sql\n([\s\S]*?)```/g)]
  .flatMap(([, block]) => block.split(/;\s*\n/))
  .map(statement => statement.trim())
  .filter(statement => statement !== '');

describe('docs/clickhouse.md', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startTestEngine();
  });
  afterAll(() => engine.close());

  it.each(statements.map(sql => [sql.split('\n')[0].slice(0, 80), sql]))(
    'gives a statement that ClickHouse understands: %s',
    async (_start, sql) => {
      const [[formatted]] = await engine.store.queryRows('SELECT formatQuery({sql:String})', {
        sql: sql.replace(/;$/, ''),
      });
      expect(String(formatted).length).toBeGreaterThan(10);
    },
  );

  it('names only settings of a query that exist', async () => {
    const profile = /CREATE SETTINGS PROFILE[\s\S]*?;/.exec(document)?.[0] ?? '';
    const names = [...profile.matchAll(/(\w+) = /g)].map(([, name]) => name);
    expect(names.length).toBeGreaterThan(4);
    const [[known]] = await engine.store.queryRows(
      'SELECT count() FROM system.settings WHERE name IN {names:Array(String)}',
      { names },
    );
    expect(known).toBe(String(names.length));
  });

  it('has a row for every setting of a server', () => {
    const keys = describeSettings()
      .map(({ key }) => /^store\.clickhouse\.(.+)$/.exec(key)?.[1])
      .filter(key => key !== undefined && key !== 'database');
    expect(keys.length).toBeGreaterThan(8);
    for (const key of keys) expect(document).toContain(`\`${key}\``);
  });
});
