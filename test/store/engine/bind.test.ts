/** Parameters in the text say what they would say set before it: compared with the engine's own, by way of a session. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bindParameters } from '../../../store/engine/bind.js';
import { post, startTestEngine, type TestEngine } from '../support.js';

const bind = (sql: string, values: Record<string, string>) => {
  const { sql: bound, settings } = bindParameters(sql, new Map(Object.entries(values)));
  return { bound, left: [...settings.keys()] };
};

describe('parameters are put into the text', () => {
  it('wherever they stand outside quotes and comments, and are no settings any more', () => {
    const sql =
      "SELECT {a:String}, '{a:String}', `{a:String}` /* {a:String} */ FROM t -- {a:String}\nWHERE n = { b : UInt32 }";
    expect(bind(sql, { param_a: "it's", param_b: '7', max_threads: '1' })).toEqual({
      bound:
        "SELECT 'it\\'s', '{a:String}', `{a:String}` /* {a:String} */ FROM t -- {a:String}\nWHERE n = _CAST(7, 'UInt32')",
      left: ['max_threads'],
    });
  });

  it('not into maps and what else has braces', () => {
    const sql = "SELECT map('a', {a:String}), '{' , {'b': 1}, '{', b, ':', 'String', '}', {'k': 1 ? '{' b : String}";
    expect(bind(sql, { param_a: 'x', param_b: 'y' }).bound).toBe(sql.replace('{a:String}', "'x'"));
  });

  it.each([
    ['a list', 'Array(String)', "['x']"],
    ['a name', 'Identifier', 't'],
    ['a type that may be without a value', 'Nullable(String)', 'x'],
    ['escaped text', 'String', 'a\\tb'],
    ['no value at all', 'String', '\\N'],
    ['text that ends early', 'String', 'a\tb'],
    ['a number too large', 'UInt8', '256'],
    ['no number', 'UInt32', '1 OR 1'],
    ['a number with a sign', 'UInt32', '-1'],
    ['nothing', 'UInt32', ''],
  ])('but all left to the engine where one is %s', (_what, type, value) => {
    const sql = `SELECT {a:String}, {b:${type}}`;
    expect(bind(sql, { param_a: 'x', param_b: value })).toEqual({ bound: sql, left: ['param_a', 'param_b'] });
  });

  it('and where one is not given', () => {
    expect(bind('SELECT {a:String}, {b:String}', { param_a: 'x' }).left).toEqual(['param_a']);
  });
});

describe('the engine', () => {
  let test: TestEngine;
  beforeAll(async () => {
    test = await startTestEngine();
  });
  afterAll(() => test.close());

  it.each([
    ['String', ['', 'x', "it's", '"', '`', 'a b', 'ü 漢 🙂', '{b:String}', '/*', '--', "' OR 1 --", '\v\f\b', '%']],
    ['String', ['a\\tb', '\\N', 'a\\\\', "a\\'b", 'a\tb', 'a\nb', 'a\0b', '\\x41', '\\']],
    ['UInt8', ['0', '7', '07', '00', '99', '255', '256', '-1', 'x', '', ' 1', '007', '1e1']],
    ['UInt16', ['0010', '9999', '65535', '70000']],
    ['UInt32', ['1795478100', '4294967295', '4294967296']],
    ['UInt64', ['9999999999999999999', '18446744073709551615']],
    ['Int64', ['-0', '-07', '-1', '-999999999999999999', '9223372036854775807', '--1', '+1']],
    ['Array(UInt8)', ['[1,2]', '[300]']],
    ['Identifier', ['dummy', 'no']],
  ])('says of a %s in the text what it says of one that was set', async (type, values) => {
    const asked = type === 'Identifier' ? `SELECT {a:${type}} FROM system.one` : `SELECT {a:${type}}`;
    for (const value of values) {
      const question = `${asked} AS x, toTypeName({a:${type}}) AS t FORMAT TSVWithNames`;
      // In a session they are set.
      const set = await post(test.engine.url, question, { param_a: value, session_id: randomUUID() });
      const bound = await post(test.engine.url, question, { param_a: value });
      expect({ value, status: bound.status, text: withoutPlace(bound.text) }).toEqual({
        value,
        status: set.status,
        text: withoutPlace(set.text),
      });
      // What a column is called without AS is text of the statement, too.
      const names = await post(test.engine.url, `${asked} FORMAT TSVWithNames`, { param_a: value });
      const setNames = await post(test.engine.url, `${asked} FORMAT TSVWithNames`, { param_a: value, session_id: 's' });
      if (setNames.status === 200) expect(names.text).toBe(setNames.text);
    }
  });
});

/** Where in the text an error was, and how the text went on there. */
function withoutPlace(text: string): string {
  return text.startsWith('Code:') ? text.slice(0, 'Code: 457'.length) : text;
}
