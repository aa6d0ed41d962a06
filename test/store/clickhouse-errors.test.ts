import { describe, expect, test } from 'vitest';
import { toStoreError } from '../../store/clickhouse-errors.js';
import { serverError } from '../../store/server-error.js';

const answered = (code: string, type: string) =>
  toStoreError(
    serverError(500, `Code: ${code}. DB::Exception: It is so. (${type}) (version 26.7.1.1 (official build))`),
  );

describe('what the server answers', () => {
  test.each([
    ['243', 'NOT_ENOUGH_SPACE'],
    ['246', 'CORRUPTED_DATA'],
    ['252', 'TOO_MANY_PARTS'],
  ])('%s %s passes: the same block is sent again', (code, type) => {
    expect(answered(code, type)).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
  });

  test.each([
    ['53', 'TYPE_MISMATCH'],
    ['117', 'INCORRECT_DATA'],
  ])('%s %s is about the block, and final', (code, type) => {
    expect(answered(code, type)).toMatchObject({ code: 'STORE_REJECTED', retryable: false });
  });
});

describe('the text of an exception', () => {
  test('gives its code, its name and its words', () => {
    const text =
      'Code: 60. DB::Exception: Table throughline.nowhere does not exist (2). (UNKNOWN_TABLE) (version 26.7)\n';
    expect(serverError(404, text)).toMatchObject({
      code: 60,
      type: 'UNKNOWN_TABLE',
      message: 'Table throughline.nowhere does not exist (2).',
    });
  });

  test('of a cluster that holds that of another server gives the innermost', () => {
    const inner = 'Code: 57. DB::Exception: Table t already exists. (TABLE_ALREADY_EXISTS) (version 26.7)';
    const text = `Code: 57. DB::Exception: There was an error on [host:9000]: ${inner}. (TABLE_ALREADY_EXISTS) (version 26.7)`;
    expect(serverError(500, text)).toMatchObject({ code: 57, message: 'Table t already exists.' });
  });

  test('that is none is the way there: it passes', () => {
    const error = toStoreError(serverError(502, '<html>Bad Gateway</html>'));
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
    expect(error.message).toBe('HTTP status 502: <html>Bad Gateway</html>');
  });
});
