/** Settings that are each valid and do not go together. What is wrong with one alone, its own schema says (config.ts). */
import type { Settings } from './config.js';
import { kafkaConflicts } from './kafka-settings.js';
import { isLoopback } from './loopback.js';

/** A combination of settings that cannot be. */
export interface Conflict {
  /** The setting to change, then those it does not go with. */
  readonly keys: readonly [string, ...string[]];
  readonly message: string;
}

/** What single values cannot show. */
export function conflictsOf(settings: Settings): Conflict[] {
  const { ingest, bus, stitcher, store, location } = settings;
  const conflicts: Conflict[] = [];
  const require = (holds: boolean, keys: Conflict['keys'], message: string) => {
    if (!holds) conflicts.push({ keys, message });
  };
  const notAbove = (value: number, key: string, limit: number, limitKey: string) =>
    require(value <= limit, [key, limitKey], `must not exceed ${limitKey}`);
  for (const [key, other, message] of kafkaConflicts(bus.kind, bus.kafka)) require(false, [key, other], message);
  notAbove(ingest.maxRequestBytes, 'ingest.maxRequestBytes', ingest.maxInFlightBytes, 'ingest.maxInFlightBytes');
  notAbove(stitcher.completeAfter, 'stitcher.completeAfter', stitcher.idle, 'stitcher.idle');
  notAbove(stitcher.idle, 'stitcher.idle', stitcher.maxOpen, 'stitcher.maxOpen');
  require(location.geoipFile === undefined, ['location.geoipFile'], 'is not available in this version: leave it out');
  require(isLoopback(store.embedded.host), [
    'store.embedded.host',
    'store.embedded.host',
  ], 'must be a loopback address (127.0.0.1, ::1, localhost): for other machines there is the API, or a ClickHouse server');
  const { certFile, keyFile } = settings.client;
  require(certFile === undefined || keyFile !== undefined, [
    'client.certFile',
    'client.keyFile',
  ], 'needs client.keyFile');
  require(keyFile === undefined || certFile !== undefined, [
    'client.keyFile',
    'client.certFile',
  ], 'needs client.certFile');
  return [...conflicts, ...clickhouseConflicts(store.clickhouse), ...sharedPorts(settings)];
}

function clickhouseConflicts(clickhouse: Settings['store']['clickhouse']): Conflict[] {
  const { url = '', username, cluster, sql, tls } = clickhouse;
  const conflicts: Conflict[] = [];
  const require = (holds: boolean, name: string, other: string, message: string) => {
    const keys = [name, other].map(key => `store.clickhouse.${key}`) as [string, string];
    if (!holds) conflicts.push({ keys, message });
  };
  const needs = (value: unknown, name: string, other: unknown, otherName: string) =>
    require(value === undefined ||
      (other !== undefined && other !== ''), name, otherName, `needs store.clickhouse.${otherName}`);
  require(url === '' || URL.canParse(url), 'url', 'url', 'is no URL');
  const hasPassword = /^\w+:\/\/[^/]*@/.test(url);
  require(!hasPassword, 'url', 'username', 'must not hold a user: give store.clickhouse.username and password');
  needs(cluster, 'cluster', url, 'url');
  needs(username, 'username', url, 'url');
  needs(sql.username, 'sql.username', url, 'url');
  needs(sql.password, 'sql.password', sql.username, 'sql.username');
  require(tls.caFile === undefined || /^https:/i.test(url), 'tls.caFile', 'url', 'needs an https URL');
  needs(tls.certFile, 'tls.certFile', tls.caFile, 'tls.caFile');
  needs(tls.certFile, 'tls.certFile', tls.keyFile, 'tls.keyFile');
  needs(tls.keyFile, 'tls.keyFile', tls.certFile, 'tls.certFile');
  return conflicts;
}

function sharedPorts({ ingest, store, analytics, metrics }: Settings): Conflict[] {
  const conflicts: Conflict[] = [];
  const owners = new Map<number, string>();
  const listeners: [string, number][] = [
    ['ingest.http.port', ingest.http.port],
    ['ingest.grpc.port', ingest.grpc.port],
    ['analytics.port', analytics.port],
  ];
  if (store.clickhouse.url === undefined) listeners.push(['store.embedded.port', store.embedded.port]);
  if (metrics.port !== undefined) listeners.push(['metrics.port', metrics.port]);
  for (const [key, port] of listeners) {
    const owner = owners.get(port);
    // 0 takes any free one.
    if (port !== 0 && owner !== undefined) {
      conflicts.push({ keys: [key, owner], message: `is ${port}, as ${owner} is: give another port` });
    }
    owners.set(port, key);
  }
  return conflicts;
}
