import { createHash, timingSafeEqual } from 'node:crypto';
import { IngestError } from './errors.js';
import type { IngestToken } from './options.js';

export interface Sender {
  readonly tenant: string;
  readonly tier: string;
}

const ANYONE: Sender = { tenant: 'default', tier: '' };
const SHA256_HEX = /^[0-9a-f]{64}$/i;
const BEARER = /^Bearer +([^\s]+)$/i;

/** Who may send, by bearer token. Only digests are kept. */
export class Senders {
  private readonly digests: readonly Buffer[];
  private readonly senders: readonly Sender[];

  constructor(tokens: readonly IngestToken[]) {
    this.digests = tokens.map(digestOf);
    this.senders = tokens.map(({ tenant, tier }) => ({ tenant, tier: tier ?? '' }));
  }

  /** Throws INGEST_UNAUTHENTICATED. Looks at every token whatever matches, so the time taken tells nothing. */
  identify(authorization: string | undefined): Sender {
    if (this.digests.length === 0) return ANYONE;
    const presented = BEARER.exec(authorization ?? '')?.[1];
    if (presented === undefined) throw new IngestError('INGEST_UNAUTHENTICATED', 'a bearer token is required');
    const digest = createHash('sha256').update(presented).digest();
    let found: Sender | undefined;
    for (let index = 0; index < this.digests.length; index++) {
      if (timingSafeEqual(digest, this.digests[index])) found = this.senders[index];
    }
    if (found === undefined) throw new IngestError('INGEST_UNAUTHENTICATED', 'the bearer token is not known');
    return found;
  }
}

function digestOf(entry: IngestToken, index: number): Buffer {
  const setting = `ingest.auth.tokens[${index}]`;
  if ((entry.token === undefined) === (entry.sha256 === undefined)) {
    throw new IngestError('INGEST_TOKEN_INVALID', `${setting} must have exactly one of token and sha256`);
  }
  if (entry.token !== undefined) {
    if (entry.token === '') throw new IngestError('INGEST_TOKEN_INVALID', `${setting}.token must not be empty`);
    return createHash('sha256').update(entry.token).digest();
  }
  if (!SHA256_HEX.test(entry.sha256 ?? '')) {
    throw new IngestError('INGEST_TOKEN_INVALID', `${setting}.sha256 must be 64 hex digits`);
  }
  return Buffer.from(entry.sha256 ?? '', 'hex');
}
