import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { makeToken } from '../../cli/token.js';
import { Senders } from '../../ingest/auth.js';

test('a token is long, new every time and safe in a header; its hash is what the configuration takes', () => {
  const made = Array.from({ length: 50 }, makeToken);
  expect(new Set(made.map(({ token }) => token)).size).toBe(50);
  for (const { token, hash } of made) {
    expect(token).toMatch(/^tl_[\w-]{43}$/);
    expect(hash).toBe(`sha256:${createHash('sha256').update(token).digest('hex')}`);
  }
  const [{ token, hash }] = made;
  const senders = new Senders([{ token: hash, tenant: 'bank', tier: 'edge' }]);
  expect(senders.identify(`Bearer ${token}`)).toMatchObject({ tenant: 'bank', tier: 'edge' });
  expect(() => senders.identify(`Bearer ${hash}`)).toThrow(/not known/);
});
