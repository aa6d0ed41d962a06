import { defineConfig } from 'vitest/config';

/** What needs a real Kafka broker: `npm run test:kafka`. */
export default defineConfig({
  test: {
    include: ['test/kafka/**/*.test.ts'],
    globalSetup: ['test/kafka/support/global-setup.ts'],
    // A broker, an engine and several processes of ours at once: one file after the other.
    maxWorkers: 1,
    // Of those that say that they may run at the same time, each with a broker of its own.
    maxConcurrency: 2,
    // Ends as soon as what is waited for is there; a second, the default, is short for a busy machine.
    expect: { poll: { timeout: 20_000 } },
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
});
