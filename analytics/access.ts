/**
 * Who may ask what, by bearer token: each has a role and a tenant. Without tokens anybody may do everything, which is for
 * a machine of one's own: the API listens on the loopback address unless told otherwise.
 */
import { type TokenEntry, TokenList } from '../schemas/index.js';
import { ApiError } from './errors.js';

/** Each may do what those before it may. */
export const ROLES = ['read', 'sql', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export interface ApiToken extends TokenEntry {
  readonly role: Role;
  /** Whose data it sees; absent: the default tenant's, and what concerns the system as a whole. */
  readonly tenant?: string | undefined;
}

export interface Caller {
  readonly role: Role;
  readonly tenant: string;
  /** Whether it may see what is counted over all tenants. */
  readonly isOperator: boolean;
}

/** What a route asks of its caller. */
export interface Access {
  /** null: nothing at all, not even a token. */
  readonly role: Role | null;
  /** Whether the answer is about all tenants together. */
  readonly isOfAllTenants: boolean;
}

export class Callers {
  readonly #tokens: TokenList;
  readonly #callers: readonly Caller[];
  readonly #anybody: Caller;

  constructor(tokens: readonly ApiToken[], defaultTenant: string) {
    this.#tokens = new TokenList(
      tokens,
      (position, problem) => new ApiError('API_TOKEN_INVALID', `analytics.auth.tokens[${position}]${problem}`),
    );
    this.#callers = tokens.map(({ role, tenant }) => ({
      role,
      tenant: tenant ?? defaultTenant,
      isOperator: tenant === undefined,
    }));
    this.#anybody = { role: 'admin', tenant: defaultTenant, isOperator: true };
  }

  /** Who asks. Throws API_UNAUTHENTICATED or API_FORBIDDEN. */
  admit(authorization: string | undefined, { role, isOfAllTenants }: Access): Caller {
    if (this.#tokens.isEmpty || role === null) return this.#anybody;
    const caller = this.#identify(authorization);
    if (ROLES.indexOf(caller.role) < ROLES.indexOf(role)) {
      throw new ApiError('API_FORBIDDEN', `this needs a token with the role ${role}; this one has ${caller.role}`);
    }
    if (isOfAllTenants && !caller.isOperator) {
      throw new ApiError('API_FORBIDDEN', 'this is counted over all tenants: it needs a token that is of no tenant');
    }
    return caller;
  }

  #identify(authorization: string | undefined): Caller {
    const position = this.#tokens.find(authorization);
    if (position === undefined) throw new ApiError('API_UNAUTHENTICATED', 'a bearer token is required');
    if (position < 0) throw new ApiError('API_UNAUTHENTICATED', 'the bearer token is not known');
    return this.#callers[position];
  }
}
