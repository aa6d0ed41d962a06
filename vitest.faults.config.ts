import { defineConfig } from 'vitest/config';

/** What survives which fault: `npm run test:faults` (tools/test-faults.mjs). */
export default defineConfig({
  test: {
    include: ['test/faults/*.test.ts'],
    // Hundreds of kills take an hour: only when they are asked for (`-- --kills 200`).
    exclude: process.env.THROUGHLINE_FAULT_KILLS === undefined ? ['test/faults/16-many-kills.test.ts'] : [],
    globalSetup: ['test/faults/support/global-setup.ts'],
    // The whole program, several processes of it, and what happens to them: one file after the other.
    maxWorkers: 1,
    testTimeout: 180_000,
    hookTimeout: 120_000,
  },
});
