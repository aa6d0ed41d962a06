import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Of the fault harness only the tests of itself.
    exclude: ['test/kafka/**', 'test/faults/*.test.ts', 'test/browser/**', 'node_modules/**', 'dist/**'],
    // Two cores; every file that starts an engine is a process of several hundred megabytes.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
