/** `throughline token`: a new bearer token for whoever sends or asks, and its hash for the configuration. */
import { createHash, randomBytes } from 'node:crypto';

/** 256 bits: nobody guesses it, so a plain hash of it is safe to keep. */
const TOKEN_BYTES = 32;
/** What secret scanners find it by, where it got into a repository. */
const PREFIX = 'tl_';

export interface NewToken {
  readonly token: string;
  /** For `ingest.auth.tokens` and `analytics.auth.tokens`. */
  readonly hash: string;
}

export function makeToken(): NewToken {
  const token = PREFIX + randomBytes(TOKEN_BYTES).toString('base64url');
  return { token, hash: `sha256:${createHash('sha256').update(token).digest('hex')}` };
}

export function printToken(): void {
  const { token, hash } = makeToken();
  process.stdout.write(`token ${token}\nhash  ${hash}\n`);
}
