/** The store for questions of strangers (POST /api/v1/sql): where the server has a user for them, as that user. */
import { type OpenStoreOptions, openStore } from './client.js';
import type { Connection } from './connection.js';
import { StoreError } from './errors.js';
import { explainSetup, setupError } from './setup.js';
import type { Store } from './types.js';

export interface SqlStore {
  readonly store: Store;
  /** The user's own profile says `readonly = 2`: no query need, or can, say so. */
  readonly isReadonly: boolean;
  /** The role that each query takes on: of the embedded engine, where there is one user only. */
  readonly role?: string | undefined;
}

export interface SqlLogin {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

const SETTING = 'store.clickhouse.sql';

/**
 * Asks the server what the user may do. `readonly = 1` in a profile forbids the limits and the tenant that each query is
 * sent with; 2 allows settings and nothing else, and the profile's constraints bound even those.
 */
export async function openSqlStore(main: Store, options: OpenStoreOptions, login: SqlLogin): Promise<SqlStore> {
  if (login.username === undefined) return { store: main, isReadonly: false };
  const connection: Connection = { ...options, username: login.username, password: login.password };
  const store = openStore({ ...options, ...connection });
  try {
    const readonly = await readonlyOf(store, login.username);
    return { store, isReadonly: readonly > 0 };
  } catch (error) {
    await store.close();
    throw error instanceof StoreError ? explainSetup(error, connection, SETTING) : error;
  }
}

async function readonlyOf(store: Store, username: string): Promise<number> {
  const readonly = await store
    .queryRows("SELECT toUInt8(getSetting('readonly'))")
    .then(([[value]]) => Number(value))
    .catch(error => {
      // Already our own settings of the query are refused.
      if (error instanceof StoreError && error.clickhouseCode === READONLY) return 1;
      throw error;
    });
  if (readonly !== 1) return readonly;
  throw setupError(
    `user ${username} (${SETTING}) has readonly = 1, so that no query of it can be given a limit: set readonly = 2 in its profile (docs/clickhouse.md)`,
  );
}

const READONLY = 164;
