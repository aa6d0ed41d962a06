import { TokenList } from '../schemas/index.js';
import { IngestError } from './errors.js';
import type { IngestToken } from './options.js';
import { Quota } from './quota.js';

export interface Sender {
  readonly tenant: string;
  readonly tier: string;
  readonly quota: Quota;
}

const ANYONE: Sender = { tenant: 'default', tier: '', quota: new Quota({}, () => 0) };

/** Who may send, by bearer token. Only digests are kept. */
export class Senders {
  private readonly tokens: TokenList;
  private readonly senders: readonly Sender[];

  constructor(tokens: readonly IngestToken[], clock: () => number = () => performance.now()) {
    this.tokens = new TokenList(
      tokens,
      (position, problem) => new IngestError('INGEST_TOKEN_INVALID', `ingest.auth.tokens[${position}]${problem}`),
    );
    this.senders = tokens.map(token => ({
      tenant: token.tenant,
      tier: token.tier ?? '',
      quota: new Quota(token, clock),
    }));
  }

  /** Throws INGEST_UNAUTHENTICATED. */
  identify(authorization: string | undefined): Sender {
    if (this.tokens.isEmpty) return ANYONE;
    const position = this.tokens.find(authorization);
    if (position === undefined) throw new IngestError('INGEST_UNAUTHENTICATED', 'a bearer token is required');
    if (position < 0) throw new IngestError('INGEST_UNAUTHENTICATED', 'the bearer token is not known');
    return this.senders[position];
  }
}
