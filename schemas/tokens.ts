/** Bearer tokens of the configuration: kept as digests, looked up in a time that tells nothing. */
import { createHash, timingSafeEqual } from 'node:crypto';

/** One of both. Either may be `sha256:<hex>`, as `throughline token` prints it. */
export interface TokenEntry {
  readonly token?: string | undefined;
  readonly sha256?: string | undefined;
}

const HASH = /^sha256:([0-9a-f]{64})$/i;
const SHA256_HEX = /^(?:sha256:)?([0-9a-f]{64})$/i;
const BEARER = /^Bearer +([^\s]+)$/i;

export class TokenList {
  readonly #digests: readonly Buffer[];

  /** `refuse` makes what is thrown of an entry that is no token: its position, and what is wrong with it. */
  constructor(entries: readonly TokenEntry[], refuse: (position: number, problem: string) => Error) {
    this.#digests = entries.map((entry, position) => {
      const digest = digestOf(entry);
      if (typeof digest === 'string') throw refuse(position, digest);
      return digest;
    });
  }

  get isEmpty(): boolean {
    return this.#digests.length === 0;
  }

  /** Position of the token in an Authorization header; -1 where it is not known, undefined where there is none. */
  find(authorization: string | undefined): number | undefined {
    const presented = BEARER.exec(authorization ?? '')?.[1];
    if (presented === undefined) return undefined;
    const digest = createHash('sha256').update(presented).digest();
    let found = -1;
    // All of them, whatever matches, so that the time taken tells nothing.
    for (let position = 0; position < this.#digests.length; position++) {
      if (timingSafeEqual(digest, this.#digests[position])) found = position;
    }
    return found;
  }
}

/** The digest, or what is wrong with the entry. */
function digestOf({ token, sha256 }: TokenEntry): Buffer | string {
  if ((token === undefined) === (sha256 === undefined)) return ' must have exactly one of token and sha256';
  if (token === '') return '.token must not be empty';
  if (token !== undefined) {
    const hash = HASH.exec(token)?.[1];
    // Whoever has read the configuration has the hash: it must not open anything itself.
    return hash === undefined ? createHash('sha256').update(token).digest() : Buffer.from(hash, 'hex');
  }
  const hash = SHA256_HEX.exec(sha256 ?? '')?.[1];
  return hash === undefined ? '.sha256 must be 64 hex digits' : Buffer.from(hash, 'hex');
}
