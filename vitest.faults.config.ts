import { defineConfig } from 'vitest/config';

/** What survives which fault: `npm run test:faults` (tools/test-faults.mjs). */
export default defineConfig({
  test: {
    include: ['test/faults/*.test.ts'],
    globalSetup: ['test/faults/support/global-setup.ts'],
    // The whole program, several processes of it, and what happens to them: one file after the other.
    maxWorkers: 1,
    testTimeout: 180_000,
    hookTimeout: 120_000,
  },
});
