/** The look at a whole attribute says what taking it apart field by field would say. */
import { describe, expect, test } from 'vitest';
import { RequestScan, scanRequest } from '../../otlp/index.js';
import { concat, field, hex, requestOf, spanContent } from './message-bytes.js';

describe('a key and a string are seen at one look', () => {
  const scan = new RequestScan();
  /** The same content behind a field that nobody knows is taken apart field by field. */
  const UNKNOWN_FIELD = hex('7800');
  const verdicts = (content: Uint8Array) =>
    [content, concat(UNKNOWN_FIELD, content)].map(inner => scanRequest(requestOf(spanContent(field(9, inner))), scan));

  test.each([
    [0, 0],
    [3, 0],
    [0, 5],
    [3, 5],
    [3, 123],
    [3, 124],
    [127, 5],
    [128, 5],
    [127, 127],
  ])('of %i and %i bytes, any byte of their headers another one', (keyBytes, stringBytes) => {
    const content = concat(
      field(1, new Uint8Array(keyBytes).fill(0x6b)),
      field(2, field(1, new Uint8Array(stringBytes).fill(0x0a))),
    );
    expect(verdicts(content)).toEqual([true, true]);
    for (const cut of [content.subarray(0, -1), content.subarray(1), concat(content, hex('00'))]) {
      const [seen, takenApart] = verdicts(cut);
      expect(seen).toBe(takenApart);
    }
    for (let at = 0; at < content.length; at++) {
      const isHeader = at < 4 || (at >= keyBytes && at < keyBytes + 8);
      if (!isHeader) continue;
      for (let byte = 0; byte < 256; byte++) {
        const other = content.slice();
        other[at] = byte;
        const [seen, takenApart] = verdicts(other);
        if (seen !== takenApart) expect.fail(`byte ${at} as ${byte}: ${seen}, taken apart ${takenApart}`);
      }
    }
  });

  test('a length whose first byte only looks like it is not taken for one', () => {
    const content = concat(hex('0a 00 12 82 0a 80'), new Uint8Array(128));
    expect(verdicts(content)).toEqual([false, false]);
  });
});
