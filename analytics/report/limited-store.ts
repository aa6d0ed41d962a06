import { type QueryOptions, type Store, StoreError } from '../../store/index.js';

/** The store for so long: questions get what is left of the time, and none begins when it is over. */
export function limitedStore(store: Store, patienceMs: number): Store {
  const endMs = performance.now() + patienceMs;
  const limited = (options: QueryOptions | undefined): QueryOptions => {
    const leftMs = endMs - performance.now();
    if (leftMs <= 0) throw new StoreError('STORE_TIMEOUT', 'the time for this part of the report is over');
    return { ...options, timeoutMs: Math.min(leftMs, options?.timeoutMs ?? leftMs) };
  };
  return {
    database: store.database,
    cluster: store.cluster,
    query: async (sql, parameters, options) => store.query(sql, parameters, limited(options)),
    queryRows: async (sql, parameters, options) => store.queryRows(sql, parameters, limited(options)),
    queryRaw: async (sql, format, parameters, options) => store.queryRaw(sql, format, parameters, limited(options)),
    command: async (sql, parameters, options) => store.command(sql, parameters, limited(options)),
    insert: (...block) => store.insert(...block),
    ping: () => store.ping(),
    close: () => store.close(),
  };
}
