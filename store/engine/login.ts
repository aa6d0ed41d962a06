/**
 * Who may use the embedded engine's port: the user `default` with a password, which is made at the first start and kept in
 * a file that only its owner can read. Whoever may read that file may read the data beside it, too.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const ENGINE_USER = 'default';
const PASSWORD_FILE = 'password';
const ONLY_ITS_OWNER = 0o600;
const PASSWORD_BYTES = 24;

/** The password of the engine of this directory; made, with the file, where there is none. */
export function enginePassword(dataDir: string): string {
  const path = join(dataDir, PASSWORD_FILE);
  mkdirSync(dataDir, { recursive: true });
  try {
    // Of two processes that start at once one makes it.
    writeFileSync(path, `${randomBytes(PASSWORD_BYTES).toString('base64url')}\n`, { flag: 'wx', mode: ONLY_ITS_OWNER });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  // Whatever it was restored or copied with.
  chmodSync(path, ONLY_ITS_OWNER);
  const password = readFileSync(path, 'utf8').trim();
  if (password === '') throw new Error(`${path} is empty: remove it, and the next start makes another`);
  return password;
}

/** What the child is given: it needs to know the password when it sees it, and no more. */
export function passwordDigest(password: string): string {
  return createHash('sha256').update(password).digest('hex');
}

/** In a time that tells nothing of how much is right. */
export function isPassword(presented: string, digestHex: string): boolean {
  return timingSafeEqual(createHash('sha256').update(presented).digest(), Buffer.from(digestHex, 'hex'));
}
