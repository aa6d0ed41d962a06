import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SpanFlag } from '../../otlp/index.js';
import { JsonText } from '../../otlp/json-text.js';
import { hex, text } from './message-bytes.js';

const written = ({ bytes, length }: JsonText): string => Buffer.from(bytes.subarray(0, length)).toString('utf8');

describe('JsonText', () => {
  test('writes strings as JSON.stringify does', () => {
    const json = new JsonText();
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.string({ unit: 'binary-ascii', maxLength: 3000 }),
        (one, other) => {
          json.reset();
          for (const value of [one, other]) expect(json.string(text(value), 0, text(value).length, 1e9)).toBe(0);
          expect(written(json)).toBe(JSON.stringify(one) + JSON.stringify(other));
        },
      ),
    );
  });

  test('repairs and cuts, and says so', () => {
    const json = new JsonText();
    expect(json.string(hex('61ff62'), 0, 3, 100)).toBe(SpanFlag.INVALID_UTF8);
    expect(json.string(text('éé'), 0, 4, 3)).toBe(SpanFlag.ATTRIBUTES_CUT);
    expect(json.string(hex('ffff'), 0, 2, 5)).toBe(SpanFlag.INVALID_UTF8 | SpanFlag.ATTRIBUTES_CUT);
    expect(written(json)).toBe('"a\ufffdb""é""\ufffd"');
  });

  test('writes every unsigned 64-bit number in decimal', () => {
    const json = new JsonText();
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), value => {
        json.reset();
        json.unsigned(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
        expect(written(json)).toBe(String(value));
      }),
      {
        numRuns: 1000,
        examples: [
          0n,
          999_999n,
          1_000_000n,
          2n ** 32n - 1n,
          2n ** 32n,
          2n ** 53n + 1n,
          2n ** 64n - 1n,
          10n ** 19n,
          10n ** 19n - 1n,
        ].map(n => [n] as [bigint]),
      },
    );
  });

  test('writes hex in lower case', () => {
    const json = new JsonText();
    json.hex(hex('00ff5bA0'), 1, 4);
    expect(written(json)).toBe('ff5ba0');
  });
});
