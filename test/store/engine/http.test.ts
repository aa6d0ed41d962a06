/** The endpoint as ClickHouse's own tools see it: curl, Grafana, the official client. */
import { gunzipSync, gzipSync } from 'node:zlib';
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATABASE, post, startTestEngine, type TestEngine } from '../support.js';

let test: TestEngine;
let client: ClickHouseClient;
let url: string;

beforeAll(async () => {
  test = await startTestEngine();
  url = test.engine.url;
  client = createClient({
    url,
    database: DATABASE,
    compression: { response: true, request: true },
    log: { level: ClickHouseLogLevel.OFF },
  });
  await client.command({ query: 'CREATE TABLE numbered (n UInt64, text String) ENGINE = MergeTree ORDER BY n' });
});
afterAll(async () => {
  await client.close();
  await test.close();
});

async function readAll(table: string): Promise<unknown[]> {
  const result = await client.query({ query: `SELECT * FROM ${table} ORDER BY 1`, format: 'JSONEachRow' });
  return result.json();
}

describe('the official client', () => {
  it('pings', async () => {
    expect(await client.ping()).toEqual({ success: true });
  });

  it.each(['JSON', 'JSONCompact', 'JSONEachRow', 'CSVWithNames', 'TabSeparated', 'Parquet'] as const)(
    'reads %s',
    async format => {
      const result = await client.query({ query: "SELECT number AS n, 'é' AS t FROM numbers(3)", format });
      const text = format === 'Parquet' ? '' : await result.text();
      if (format === 'JSON') expect(JSON.parse(text)).toMatchObject({ rows: 3, data: [{ n: 0, t: 'é' }, {}, {}] });
      if (format === 'JSONEachRow') expect(text.trim().split('\n')).toHaveLength(3);
      if (format === 'CSVWithNames') expect(text).toBe('"n","t"\n0,"é"\n1,"é"\n2,"é"\n');
      if (format === 'TabSeparated') expect(text).toBe('0\té\n1\té\n2\té\n');
      expect(result.response_headers['x-clickhouse-format']).toBe(format);
    },
  );

  it('reads a large result row by row, in bounded pieces', async () => {
    const query = 'SELECT number AS n, repeat(toString(number), 10) AS t FROM numbers(300000)';
    const result = await client.query({ query, format: 'JSONEachRow' });
    let count = 0;
    for await (const rows of result.stream<{ n: number }>()) {
      for (const row of rows) expect(row.json<{ n: number }>().n).toBe(count++);
    }
    expect(count).toBe(300_000);
  });

  it('reads a document of many blocks as one document', async () => {
    const result = await client.query({ query: 'SELECT number FROM numbers(200000)', format: 'JSON' });
    expect((await result.json()).rows).toBe(200_000);
  });

  it('binds parameters of every kind, in the URL or, where they are long, in a form', async () => {
    const query_params = {
      text: "it's\ta \\ tab\n",
      list: ['a', "b'c", 'd\\'],
      big: '18446744073709551615',
      time: new Date('2026-11-24T10:00:00.123Z'),
      name: 'numbered',
      map: { k: 1 },
    };
    const query =
      'SELECT {text:String} AS text, {list:Array(String)} AS list, {big:UInt64} AS big, {time:DateTime64(3)} AS time, {map:Map(String, UInt8)} AS map, (SELECT count() FROM {name:Identifier}) >= 0 AS ok';
    const expected = { text: query_params.text, list: query_params.list, big: query_params.big, map: { k: 1 }, ok: 1 };
    const clickhouse_settings = { output_format_json_quote_64bit_integers: 1 } as const;
    const short = await client.query({ query, query_params, format: 'JSONEachRow', clickhouse_settings });
    expect(await short.json()).toMatchObject([expected]);
    const long = { ...query_params, list: Array.from({ length: 2_000 }, (_, at) => `item ${at} '`) };
    const inForm = { query, query_params: long, format: 'JSONEachRow', clickhouse_settings } as const;
    const result = await client.query({ ...inForm, use_multipart_params_auto: true });
    expect(await result.json()).toMatchObject([{ ...expected, list: long.list }]);
  });

  it('inserts objects, a stream, and binary data', async () => {
    await client.command({ query: 'CREATE TABLE mixed (n UInt64, text String) ENGINE = MergeTree ORDER BY n' });
    const inserted = await client.insert({ table: 'mixed', values: [{ n: 1, text: "a'b" }], format: 'JSONEachRow' });
    expect(inserted.summary?.written_rows).toBe('1');
    await client.insert({
      table: 'mixed',
      values: [[2, 'zwei ü']],
      format: 'JSONCompactEachRow',
      columns: ['n', 'text'],
    });
    const { stream } = await client.exec({
      query: 'INSERT INTO mixed (text, n) FORMAT RowBinary',
      values: (await import('node:stream')).Readable.from([Buffer.from([2, 0x0a, 0x00, 3, 0, 0, 0, 0, 0, 0, 0])]),
    });
    stream.resume();
    await new Promise(end => stream.once('end', end));
    await client.command({ query: "INSERT INTO mixed VALUES (4, concat('v', 'ier')), (5, ';')" });
    expect(await readAll('mixed')).toEqual([
      { n: 1, text: "a'b" },
      { n: 2, text: 'zwei ü' },
      { n: 3, text: '\n\0' },
      { n: 4, text: 'vier' },
      { n: 5, text: ';' },
    ]);
  });

  it('learns of an error behind the beginning of a result', async () => {
    const query = 'SELECT throwIf(number = 2000000) AS n, repeat(toString(number), 20) FROM numbers(3000000)';
    const result = await client.query({ query, format: 'JSONEachRow' });
    const read = async () => {
      for await (const rows of result.stream()) expect(rows.length).toBeGreaterThan(0);
    };
    await expect(read()).rejects.toThrow(/throwIf|aborted|closed/);
  });

  it.each([
    ['SELECT * FROM nowhere', '60', 'UNKNOWN_TABLE'],
    ['SELECT (1', '62', 'SYNTAX_ERROR'],
    ['SELECT no_such_function(1)', '46', 'UNKNOWN_FUNCTION'],
    ["SELECT toUInt8('x')", '6', 'CANNOT_PARSE_TEXT'],
    [
      'SELECT sleepEachRow(0.2) FROM numbers(20) SETTINGS max_execution_time = 0.3, max_block_size = 1',
      '159',
      'TIMEOUT_EXCEEDED',
    ],
    [
      'SELECT number FROM numbers(1e7) ORDER BY cityHash64(number) SETTINGS max_memory_usage = 1e6',
      '241',
      'MEMORY_LIMIT_EXCEEDED',
    ],
    ['SELECT number FROM numbers(100) SETTINGS max_result_rows = 10', '396', 'TOO_MANY_ROWS_OR_BYTES'],
  ])('is told the code and name of what is wrong with %s', async (query, code, type) => {
    await expect(client.query({ query, format: 'JSONEachRow' })).rejects.toMatchObject({ code, type });
  });
});

describe('over plain HTTP', () => {
  it('the answer to an error has status, header and words of a server', async () => {
    const unknown = await post(url, 'SELECT * FROM nowhere');
    expect(unknown.status).toBe(404);
    expect(unknown.headers.get('x-clickhouse-exception-code')).toBe('60');
    expect(unknown.text).toMatch(/^Code: 60\. DB::Exception: .*nowhere.* \(UNKNOWN_TABLE\) \(version 26\.\d.*\)\n$/);
    expect((await post(url, 'SELEC')).status).toBe(400);
    expect((await post(url, 'SELECT throwIf(1)')).status).toBe(500);
    expect((await post(url, 'SELECT 1', { database: 'nowhere' })).status).toBe(404);
    expect((await post(url, 'SELECT 1', { no_such_setting: '1' })).text).toMatch(/^Code: 115\./);
  });

  it('pings, and greets whoever has no query', async () => {
    for (const path of ['/ping', '/']) expect(await (await fetch(url + path)).text()).toBe('Ok.\n');
    expect((await fetch(`${url}/elsewhere`)).status).toBe(404);
  });

  it('a query may be in the URL, in the body, or begin there and end here', async () => {
    const get = await fetch(`${url}/?query=${encodeURIComponent("SELECT 'é'")}&query_id=abc`);
    expect([await get.text(), get.headers.get('x-clickhouse-query-id')]).toEqual(['é\n', 'abc']);
    expect((await post(url, 'SELECT 2')).text).toBe('2\n');
    expect((await post(url, '+ 2 FORMAT CSV', { query: 'SELECT 3' })).text).toBe('5\n');
    expect((await post(url, 'SELECT 1 AS a', { default_format: 'JSONEachRow' })).text).toBe('{"a":1}\n');
    const data = await post(url, '7\tseven\n', { query: 'INSERT INTO numbered FORMAT TSV' });
    expect([data.status, data.text]).toEqual([200, '']);
    expect((await post(url, 'INSERT INTO numbered FORMAT TSV\n8\teight\n')).status).toBe(200);
    expect((await post(url, 'SELECT * FROM numbered ORDER BY n')).text).toBe('7\tseven\n8\teight\n');
    expect(JSON.parse(data.headers.get('x-clickhouse-summary') ?? '')).toMatchObject({ written_rows: '1' });
  });

  it('an INSERT in the body may be longer than what is looked through for its beginning', async () => {
    await post(url, 'CREATE TABLE long_values (text String) ENGINE = MergeTree ORDER BY tuple()');
    const values = Array.from({ length: 30 }, (_, at) => `('${String(at).repeat(50_000)}')`).join(',');
    expect((await post(url, `INSERT INTO long_values VALUES ${values}`)).text).toBe('');
    expect((await post(url, 'SELECT count(), sum(length(text)) FROM long_values')).text).toBe('30\t2500000\n');
  });

  it('bodies may be gzipped both ways', async () => {
    const parameters = new URLSearchParams({ enable_http_compression: '1' });
    const response = await fetch(`${url}/?${parameters}`, {
      method: 'POST',
      headers: { 'content-encoding': 'gzip', 'accept-encoding': 'gzip' },
      body: gzipSync('SELECT repeat(toString(number), 100) FROM numbers(100000)'),
    });
    expect(response.headers.get('content-encoding')).toBe('gzip');
    expect((await response.text()).split('\n')).toHaveLength(100_001);
    expect(gunzipSync(gzipSync('x')).toString()).toBe('x');
  });

  it('settings last for one query, and are those of a server without them', async () => {
    const ask = "SELECT getSetting('max_threads'), getSetting('async_insert')";
    expect((await post(url, ask, { max_threads: '1' })).text).toBe('1\tfalse\n');
    expect((await post(url, ask)).text).not.toBe('1\tfalse\n');
    expect((await post(url, 'SET max_threads = 1')).status).toBe(200);
    expect((await post(url, ask)).text).not.toBe('1\tfalse\n');
    expect((await post(url, '1 + 1')).status).toBe(400);
  });

  it('a session keeps its tables from one statement to the next', async () => {
    const session = { session_id: 'mine' };
    expect((await post(url, 'CREATE TEMPORARY TABLE kept (n UInt8) ENGINE = Memory', session)).status).toBe(200);
    expect((await post(url, 'INSERT INTO kept VALUES (3)', session)).text).toBe('');
    expect((await post(url, 'SELECT n FROM kept', session)).text).toBe('3\n');
    expect((await post(url, 'SELECT n FROM kept')).status).toBe(404);
    expect((await post(url, 'SELECT 1', { ...session, readonly: '1' })).text).toBe('1\n');
    expect((await post(url, 'INSERT INTO kept VALUES (4)', session)).text).toBe('');
  });

  it('is for the user default without a password only', async () => {
    const headers = { 'x-clickhouse-user': 'default' };
    expect((await fetch(`${url}/?query=SELECT+1`, { headers })).status).toBe(200);
    const other = await fetch(`${url}/?query=SELECT+1`, { headers: { 'x-clickhouse-user': 'admin' } });
    expect([other.status, other.headers.get('x-clickhouse-exception-code')]).toEqual([403, '516']);
    const basic = `Basic ${Buffer.from('default:secret').toString('base64')}`;
    expect((await fetch(`${url}/?query=SELECT+1`, { headers: { authorization: basic } })).status).toBe(403);
  });
});

describe('parallel queries', () => {
  const slow = 'SELECT sum(sleepEachRow(0.3)) FROM numbers(2) SETTINGS max_block_size = 1';

  it('read at the same time', async () => {
    const order: string[] = [];
    const first = post(url, slow).then(() => order.push('slow'));
    await post(url, 'SELECT 1').then(() => order.push('quick'));
    await first;
    expect(order).toEqual(['quick', 'slow']);
  });

  it('end when they are killed by the id their client gave them', async () => {
    const endless = post(url, 'SELECT sleepEachRow(0.1) FROM numbers(600) SETTINGS max_block_size = 1', {
      query_id: 'doomed',
    });
    for (let killed = ''; killed === ''; ) killed = (await post(url, "KILL QUERY WHERE query_id = 'doomed'")).text;
    const { status, text } = await endless;
    expect([status, text]).toEqual([500, expect.stringContaining('QUERY_WAS_CANCELLED')]);
  });

  it('end when their client leaves', async () => {
    const running = async () =>
      (await post(url, "SELECT count() FROM system.processes WHERE query LIKE '%numbers(601)%'")).text;
    const leaving = new AbortController();
    const query = 'SELECT sleepEachRow(0.1) FROM numbers(601) SETTINGS max_block_size = 1';
    const left = fetch(url, { method: 'POST', body: query, signal: leaving.signal }).catch(() => 'left');
    // The question finds itself, too.
    while ((await running()) !== '2\n') await new Promise(next => setTimeout(next, 10));
    leaving.abort();
    expect(await left).toBe('left');
    while ((await running()) !== '1\n') await new Promise(next => setTimeout(next, 10));
  });

  it('are refused with code 202 when too many wait', async () => {
    // They come faster than they are answered, also where everything is slow.
    const asked = Array.from({ length: 300 }, () => post(url, 'SELECT sleep(0.1)'));
    const answers = await Promise.all(asked);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 503]));
    expect(answers.find(({ status }) => status === 503)?.text).toContain('TOO_MANY_SIMULTANEOUS_QUERIES');
  });
});

const SECOND = '; SELECT 4242 * 10001 ; ';
/** Where a tokenizer that is not quite ClickHouse's would take the second statement for quoted text or a comment. */
const HIDDEN = [
  `/* /* */ ' */ ${SECOND} -- '`,
  `// '\n${SECOND} -- '`,
  `# '\n${SECOND} -- '`,
  `-- '\n${SECOND} -- '`,
  `, '\\\\' ${SECOND} -- '`,
  `, '''' ${SECOND} -- '`,
  `, ‘'’ ${SECOND} -- '`,
  `, $a$ ' $a$ ${SECOND} -- '`,
  `, 1 AS a$b$ ${SECOND} -- $b$`,
  `\u00a0#\u00a0' ${SECOND} -- '`,
  `#! '\n${SECOND} -- '`,
];

describe('what is refused', () => {
  it.each([
    ["SELECT file('/etc/hostname')", 497],
    ["SELECT arrayMap(file, ['/etc/hostname'])", 497],
    ["SELECT * APPLY `file` FROM (SELECT '/etc/hostname')", 497],
    ["SELECT * FROM file('/etc/hostname', 'LineAsString')", 497],
    ['SELECT * FROM default.`/etc/hostname`', 497],
    ["SELECT * FROM filesystem('/etc')", 497],
    ["SELECT * FROM url('http://127.0.0.1:1/', 'TSV', 'a String')", 497],
    ["SELECT * FROM remote('127.0.0.1:1', system.one)", 497],
    ["SELECT * FROM s3('http://127.0.0.1:1/bucket/a', 'TSV')", 497],
    ["SELECT * FROM sqlite('/tmp/a', 'a')", 497],
    ["CREATE TABLE f (a String) ENGINE = File(TSV, '/etc/hostname')", 497],
    ["CREATE TABLE r (a UInt8) ENGINE = EmbeddedRocksDB(0, '/tmp/throughline-refused') PRIMARY KEY a", 497],
    ["CREATE TABLE e (a UInt8) ENGINE = Executable('id', 'TSV')", 497],
    ["CREATE DATABASE f ENGINE = Filesystem('/etc')", 497],
    ["CREATE DICTIONARY d (a UInt8) PRIMARY KEY a SOURCE(EXECUTABLE(COMMAND 'id' FORMAT 'TSV')) LAYOUT(FLAT())", 497],
    ["INSERT INTO FUNCTION file('/tmp/throughline-refused', 'TSV', 'a UInt8') VALUES (1)", 497],
    ["SELECT 1 INTO OUTFILE '/tmp/throughline-refused'", 497],
    ["INSERT INTO numbered FROM INFILE '/etc/hostname' FORMAT TSV", 497],
    ['SYSTEM SHUTDOWN', 497],
    ['CREATE USER u', 497],
    ['SELECT 1; SELECT 2', 62],
    ["INSERT INTO numbered SELECT 1, 'a'; DROP TABLE numbered", 62],
  ])('%s', async (query, code) => {
    const { text } = await post(url, query);
    expect(text).toMatch(new RegExp(`^Code: ${code}\\.`));
  });

  it('writing, in a query that is readonly or a GET', async () => {
    const create = 'CREATE TABLE never (a UInt8) ENGINE = MergeTree ORDER BY a';
    expect((await post(url, create, { readonly: '1' })).text).toMatch(/^Code: 164\./);
    expect((await post(url, create, { readonly: '2', max_threads: '1' })).text).toMatch(/^Code: 164\./);
    expect((await post(url, 'SELECT 1 SETTINGS max_threads = 1', { readonly: '1' })).text).toMatch(/^Code: 164\./);
    expect((await post(url, 'SET readonly = 0', { readonly: '2' })).text).toMatch(/^Code: 164\./);
    expect(await (await fetch(`${url}/?query=${encodeURIComponent(create)}`)).text()).toMatch(/^Code: 164\./);
    const limits = { readonly: '1', max_threads: '1', max_result_rows: '10' };
    expect((await post(url, 'SELECT 1', limits)).text).toBe('1\n');
  });

  it('a second statement, however it is hidden', async () => {
    const fragment = fc.constantFrom(
      ...[
        "'",
        '"',
        '`',
        '\\',
        '--',
        '//',
        '# ',
        '#!',
        '/*',
        '*/',
        '\n',
        ';',
        ' ',
        '$',
        '$a$',
        "x'",
        "b'",
        '1e',
        '1',
        'é',
      ],
      ...['‘', '’', '“', '−', '\u00a0', ' FORMAT TSV', ' UNION ALL SELECT 1', ' VALUES ', '(', ')', SECOND],
    );
    const query = fc.array(fragment, { minLength: 1, maxLength: 14 }).map(parts => `SELECT 1 ${parts.join('')}`);
    await fc.assert(
      fc.asyncProperty(query, async text => {
        // Waiting for the end keeps it from the engine's own check, which there is for streams only.
        const answer = await post(url, text, { wait_end_of_query: '1', default_format: 'TSV' });
        expect(answer.text).not.toContain(String(4242 * 10001));
      }),
      { numRuns: 300, examples: HIDDEN.map(hidden => [`SELECT 1 ${hidden}`]) },
    );
  });
});
