/** Native blocks into the real engine, with every type that the tables have. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../../store/index.js';
import { columnOf, type Value } from '../columns.js';
import { DATABASE, RETENTION, SILENT, startTestEngine, type TestEngine } from '../support.js';

let test: TestEngine;

beforeAll(async () => {
  test = await startTestEngine();
  await migrate({ url: test.engine.url, database: DATABASE, retention: RETENTION, logger: SILENT });
});
afterAll(() => test.close());

const RECEIVED = '2026-11-24 10:00:00.123';

/** A value of the type that tells rows, and elements, apart. Row 0 has what is empty or least. */
function sample(type: string, row: number): Value {
  if (type.startsWith('Array(')) {
    const element = type.slice('Array('.length, -1);
    return Array.from({ length: row % 3 }, (_, at) => sample(element, row + at + 1));
  }
  if (type.startsWith('Map(')) {
    return Object.fromEntries(Array.from({ length: row % 3 }, (_, at) => [`key ${at}`, `Wert ü ${row}`]));
  }
  const length = Number(/^FixedString\((\d+)\)/.exec(type)?.[1] ?? 0);
  if (length > 0) return row.toString(16).padStart(length, '0');
  if (type === 'LowCardinality(String)') return row % 4 === 0 ? '' : `name ${row % 4} ${'long '.repeat(30)}`;
  if (type === 'String') return row % 5 === 0 ? '' : `text ${row}\0\n'${'x'.repeat(row % 300)}`;
  if (type.startsWith('Enum8')) return (/'(\w+)' = 1/.exec(type) ?? [])[1];
  if (type === 'Bool') return row % 2 === 1;
  if (type.startsWith('DateTime64(9')) return `2026-11-24 10:00:${String(row % 60).padStart(2, '0')}.123456789`;
  if (type.startsWith('DateTime64(3')) return RECEIVED;
  if (type.startsWith('DateTime')) return `2026-11-24 10:${String(row % 60).padStart(2, '0')}:00`;
  return wide(type, row);
}

/** Above what a double holds, where the type is wide enough. */
function wide(type: string, row: number): Value {
  if (type === 'UInt128') return String(2n ** 127n + BigInt(row));
  if (type === 'UInt64') return String(2n ** 63n + BigInt(row));
  if (type === 'Int64') return String(-(2n ** 62n) - BigInt(row));
  if (type === 'UInt32') return 2 ** 31 + row;
  return row % 200;
}

async function columnsOf(table: string): Promise<{ name: string; type: string }[]> {
  return test.store.query(
    `SELECT name, type FROM system.columns
     WHERE database = {database:String} AND table = {table:String} AND default_kind != 'ALIAS' ORDER BY position`,
    { database: DATABASE, table },
  );
}

describe('every column', () => {
  it.each(['spans', 'trace_arrivals', 'trace_revisions', 'progress'])('of %s reads as it was written', async table => {
    const rows = 500;
    const columns = (await columnsOf(table)).map(({ name, type }) => {
      // Deleted rows would not be read, and keys must differ.
      const values = Array.from({ length: rows }, (_, row) => (name === 'is_deleted' ? 0 : sample(type, row)));
      return { name, type, values: name === 'instance' ? values.map((_, row) => `instance ${row}`) : values };
    });
    await test.store.insert(
      table,
      columns.map(({ name, type, values }) => columnOf(name, type, values)),
      rows,
    );

    const key = table === 'trace_arrivals' ? 'offset' : table === 'progress' ? 'instance' : 'trace_id';
    const expected = Array.from({ length: rows }, (_, row) => columns.map(({ values }) => values[row]));
    const keyAt = columns.findIndex(({ name }) => name === key);
    const byKey = (a: readonly unknown[], b: readonly unknown[]) => (String(a[keyAt]) < String(b[keyAt]) ? -1 : 1);
    const names = columns.map(({ name }) => `\`${name}\``).join(', ');
    const stored = await test.store.queryRows(`SELECT ${names} FROM ${table}`);
    expect(stored.sort(byKey)).toEqual(expected.sort(byKey));
  });

  it.each([1, 256, 257, 65_536, 65_537])(
    'of LowCardinality survives with %i different values in a block',
    async count => {
      await test.store.command(
        'CREATE TABLE low (value LowCardinality(String), row UInt32) ENGINE = MergeTree ORDER BY row',
      );
      const values = Array.from({ length: count }, (_, row) => `value ${row}`);
      const dictionary = Buffer.concat([
        Buffer.from([0]),
        ...values.slice(1).map(value => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)])),
      ]);
      await test.store.insert(
        'low',
        [
          {
            name: 'value',
            type: 'LowCardinality(String)',
            data: {
              kind: 'lowCardinality',
              dictionary: { bytes: dictionary, byteLength: dictionary.length, count },
              indexes: Uint32Array.from({ length: count }, (_, row) => row),
            },
          },
          columnOf(
            'row',
            'UInt32',
            Array.from({ length: count }, (_, row) => row),
          ),
        ],
        count,
      );
      const [[rows, wrong]] = await test.store.queryRows(
        "SELECT count(), countIf(value != if(row = 0, '', concat('value ', toString(row)))) FROM low",
      );
      expect([rows, wrong]).toEqual([String(count), '0']);
      await test.store.command('DROP TABLE low');
    },
  );

  it('may come in another order than the table has, and be left out for its default', async () => {
    await test.store.command(
      "CREATE TABLE part (a UInt8, b String DEFAULT 'none', c UInt8) ENGINE = MergeTree ORDER BY a",
    );
    await test.store.insert('part', [columnOf('c', 'UInt8', [3]), columnOf('a', 'UInt8', [1])], 1);
    expect(await test.store.queryRows('SELECT a, b, c FROM part')).toEqual([[1, 'none', 3]]);
    await test.store.command('DROP TABLE part');
  });
});

it('a block is one part, whole or not at all, however many rows it has', async () => {
  await test.store.command('CREATE TABLE large (row UInt32) ENGINE = MergeTree ORDER BY row');
  const rows = 1_500_000;
  const bytes = new Uint8Array(Uint32Array.from({ length: rows }, (_, row) => row).buffer);
  await test.store.insert('large', [{ name: 'row', type: 'UInt32', data: { kind: 'fixed', width: 4, bytes } }], rows);
  const [[stored, parts]] = await test.store.queryRows('SELECT count(), uniqExact(_part) FROM large');
  expect([stored, parts]).toEqual([String(rows), '1']);
  await test.store.command('DROP TABLE large');
});
