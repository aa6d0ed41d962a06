import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { type Bus, type KafkaSasl, type KafkaTls, openEmbeddedBus, openKafkaBus } from '../bus/index.js';
import { RequestScan, scanRequest } from '../otlp/index.js';
import type { Config } from '../schemas/index.js';
import { SteadyClock } from './steady-clock.js';

/** The log that the configuration names: on this machine, or Kafka, which is waited for until `signal` says to stop. */
export async function openConfiguredLog(config: Config, logger: Logger, signal?: AbortSignal): Promise<Bus> {
  const { kind, partitions, embedded, kafka } = config.bus;
  if (kind === 'embedded') {
    const clock = new SteadyClock();
    const bus = await openEmbeddedBus({
      directory: join(config.dataDir, 'log'),
      partitionCount: partitions,
      maxBytes: embedded.maxBytes,
      clock: clock.now,
    });
    const { partitions: states } = await bus.state();
    clock.atLeast(Math.max(...states.map(({ lastAppendTimeMs }) => lastAppendTimeMs)));
    return bus;
  }
  const { tls, sasl, ...rest } = kafka;
  return openKafkaBus({
    ...rest,
    partitionCount: partitions,
    tls: tlsOf(tls),
    sasl: saslOf(sasl),
    countItems: countSpans,
    logger: logger.child({ role: 'log' }),
    signal,
  });
}

/**
 * Names a process in the store. On one machine there is one, and it goes on where it stopped; of a group each has its own
 * name, which a container that is started again keeps.
 */
export function instanceName(config: Config, role: string): string {
  return config.bus.kind === 'embedded' ? 'embedded' : `${role}@${hostname()}:${process.pid}`;
}

function tlsOf({ enabled, caFile, certFile, keyFile }: Config['bus']['kafka']['tls']): KafkaTls | undefined {
  if (enabled !== 'true') return undefined;
  const read = (path: string) => readFileSync(path, 'utf8');
  return {
    ...(caFile !== undefined && { ca: read(caFile) }),
    ...(certFile !== undefined && { cert: read(certFile) }),
    ...(keyFile !== undefined && { key: read(keyFile) }),
  };
}

/** The configuration has seen to it that a mechanism comes with a login. */
function saslOf({ mechanism, username = '', password = '' }: Config['bus']['kafka']['sasl']): KafkaSasl | undefined {
  return mechanism === undefined ? undefined : { mechanism, username, password };
}

const scan = new RequestScan();

/** Spans in a record that another producer wrote; one, of what is not OTLP: it is what will be counted as a dead letter. */
function countSpans(payload: Uint8Array): number {
  return scanRequest(payload, scan) ? scan.spans + scan.rejected : 1;
}
