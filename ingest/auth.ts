import { createHash, timingSafeEqual } from 'node:crypto';
import { IngestError } from './errors.js';
import type { IngestToken } from './options.js';
import { Quota } from './quota.js';

export interface Sender {
  readonly tenant: string;
  readonly tier: string;
  readonly quota: Quota;
}

const ANYONE: Sender = { tenant: 'default', tier: '', quota: new Quota({}, () => 0) };
/** What a token is kept as. */
const HASH = /^sha256:([0-9a-f]{64})$/i;
const SHA256_HEX = /^(?:sha256:)?([0-9a-f]{64})$/i;
const BEARER = /^Bearer +([^\s]+)$/i;

/** Who may send, by bearer token. Only digests are kept. */
export class Senders {
  private readonly digests: readonly Buffer[];
  private readonly senders: readonly Sender[];

  constructor(tokens: readonly IngestToken[], clock: () => number = () => performance.now()) {
    this.digests = tokens.map(digestOf);
    this.senders = tokens.map(token => ({
      tenant: token.tenant,
      tier: token.tier ?? '',
      quota: new Quota(token, clock),
    }));
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
    const hash = HASH.exec(entry.token)?.[1];
    // Whoever has read the config has the hash: it must not open anything.
    if (hash !== undefined) return Buffer.from(hash, 'hex');
    return createHash('sha256').update(entry.token).digest();
  }
  const hash = SHA256_HEX.exec(entry.sha256 ?? '')?.[1];
  if (hash === undefined) throw new IngestError('INGEST_TOKEN_INVALID', `${setting}.sha256 must be 64 hex digits`);
  return Buffer.from(hash, 'hex');
}
