import type { Logger } from 'pino';
import type { Config } from '../schemas/index.js';
import { type Role, type RunningRoles, startRoles } from './roles.js';

/** Runs roles until a signal says to stop (then drains and returns) or a part fails (then rejects). */
export async function runRoles(config: Config, roles: ReadonlySet<Role>, logger: Logger): Promise<void> {
  const stopped = signalled(logger);
  const running = await startRoles(config, roles, logger);
  process.stdout.write(greeting(running));
  try {
    await Promise.race([stopped, running.failed]);
  } finally {
    await running.close();
  }
  logger.info('stopped');
}

/** Resolves at the first SIGTERM or SIGINT; a second one does not wait for the drain. */
function signalled(logger: Logger): Promise<void> {
  return new Promise(resolve => {
    let count = 0;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (++count > 1) process.exit(1);
        logger.info({ signal }, 'draining; a second signal ends at once');
        resolve();
      });
    }
  });
}

function greeting({ addresses }: RunningRoles): string {
  const { otlpHttp, otlpGrpc, api, clickhouse } = addresses;
  const lines = [
    otlpHttp && `  OTLP/HTTP   ${otlpHttp}/v1/traces`,
    otlpGrpc && `  OTLP/gRPC   ${otlpGrpc}`,
    api && `  API         ${api}/api/v1/latency?location=New%20York`,
    clickhouse && `  ClickHouse  ${clickhouse}`,
  ].filter(Boolean);
  return `Throughline is up\n${lines.join('\n')}\n`;
}
