/** One broker for all files of a run, or the one that KAFKA_BROKERS names. Tests that kill brokers start their own. */
import type { TestProject } from 'vitest/node';
import { Broker } from './broker.js';

declare module 'vitest' {
  interface ProvidedContext {
    kafkaBrokers: string[];
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env.KAFKA_BROKERS;
  if (given !== undefined) {
    project.provide('kafkaBrokers', given.split(','));
    return async () => {};
  }
  const broker = await Broker.start();
  project.provide('kafkaBrokers', [broker.address]);
  return () => broker.destroy();
}
