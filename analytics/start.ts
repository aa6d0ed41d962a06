/** Starts the room: its jobs and the HTTP API. */
import type { AddressInfo } from 'node:net';
import { RollupJob } from './rollup-job.js';
import { createServer } from './server.js';
import { partsOf } from './settings.js';
import { AlertJob } from './slo/alert-job.js';
import { SloCountingJob } from './slo/counting-job.js';
import { SloDocuments } from './slo/documents.js';
import { SloFolder } from './slo/folder.js';
import { SloHoursJob } from './slo/hours-job.js';
import type { Analytics, AnalyticsOptions } from './types.js';

/** Resolves once the API listens. Rejects if the port cannot be had; then nothing runs on. */
export async function startAnalytics(options: AnalyticsOptions): Promise<Analytics> {
  const parts = partsOf(options);
  const documents = new SloDocuments(parts);
  const server = createServer(parts, documents);
  const { directory } = parts.slo;
  const jobs = [
    new RollupJob(parts),
    new SloCountingJob(parts),
    new SloHoursJob(parts),
    new AlertJob(parts, { random: Math.random }),
    ...(directory === undefined ? [] : [new SloFolder(parts, documents, directory)]),
  ];
  await server.listen({ host: options.host, port: options.port });
  for (const job of jobs) job.start();
  const { port } = server.server.address() as AddressInfo;
  parts.logger.info({ host: options.host, port }, 'the API listens');
  return {
    port,
    close: async () => {
      await Promise.all([server.close(), ...jobs.map(job => job.close())]);
    },
  };
}
