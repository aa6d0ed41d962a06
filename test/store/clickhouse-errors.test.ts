import { ClickHouseError } from '@clickhouse/client';
import { describe, expect, test } from 'vitest';
import { toStoreError } from '../../store/clickhouse-errors.js';

const answered = (code: string, type: string) => toStoreError(new ClickHouseError({ message: type, code, type }));

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
