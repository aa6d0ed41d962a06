/** Starts the room: the rollup job and the HTTP API. */
import type { AddressInfo } from 'node:net';
import { RollupJob } from './rollup-job.js';
import { createServer } from './server.js';
import { partsOf } from './settings.js';
import type { Analytics, AnalyticsOptions } from './types.js';

/** Resolves once the API listens. Rejects if the port cannot be had; then nothing runs on. */
export async function startAnalytics(options: AnalyticsOptions): Promise<Analytics> {
  const parts = partsOf(options);
  const server = createServer(parts);
  const job = new RollupJob(parts);
  await server.listen({ host: options.host, port: options.port });
  job.start();
  const { port } = server.server.address() as AddressInfo;
  parts.logger.info({ host: options.host, port }, 'the API listens');
  return {
    port,
    close: async () => {
      await Promise.all([server.close(), job.close()]);
    },
  };
}
