import type { Logger } from 'pino';
import type { Config } from '../schemas/index.js';
import { namingResource } from './errors.js';
import { letHeapGrow } from './heap-growth.js';
import { type Role, type RunningRoles, startRoles } from './roles.js';
import { onSignal } from './signals.js';

/** Runs roles until a signal says to stop (then drains and returns) or a part fails (then rejects). */
export async function runRoles(config: Config, roles: ReadonlySet<Role>, logger: Logger): Promise<void> {
  const stop = new AbortController();
  const stopGrowing = letHeapGrow();
  const stopped = new Promise<void>(resolve => {
    onSignal(signal => {
      logger.info({ signal }, 'draining; a second signal ends at once');
      stop.abort();
      resolve();
    });
  });
  const running = await startRoles(config, roles, logger, stop.signal).catch(error => {
    if (stop.signal.aborted && error === stop.signal.reason) return undefined;
    throw namingResource(error, config);
  });
  if (running === undefined) {
    logger.info('stopped while starting');
    return;
  }
  process.stdout.write(greeting(roles, running));
  try {
    await Promise.race([stopped, running.failed]);
  } catch (error) {
    throw namingResource(error, config);
  } finally {
    await running.close();
    stopGrowing();
  }
  logger.info('stopped');
}

function greeting(roles: ReadonlySet<Role>, { addresses }: RunningRoles): string {
  const { otlpHttp, otlpGrpc, api, clickhouse, metrics } = addresses;
  const lines = [
    otlpHttp && `  OTLP/HTTP   ${otlpHttp}/v1/traces`,
    otlpGrpc && `  OTLP/gRPC   ${otlpGrpc}`,
    api && `  API         ${api}/api/v1/latency?location=New%20York`,
    clickhouse && `  ClickHouse  ${clickhouse}`,
    metrics && `  Metrics     ${metrics}/metrics`,
  ].filter(Boolean);
  return `Throughline is up (${[...roles].join(', ')})\n${lines.join('\n')}\n`;
}
