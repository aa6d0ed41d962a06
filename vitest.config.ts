import { defineConfig } from 'vitest/config';

/** Rooms whose tests leave nothing behind in their process: one for all of them saves half of their time. */
const WITHOUT_TRACE = ['otlp', 'schemas', 'oracle', 'stitcher', 'ingest'].map(room => `test/${room}/**/*.test.ts`);
/** Of the fault harness only the tests of itself. */
const ELSEWHERE = ['test/kafka/**', 'test/faults/*.test.ts', 'test/browser/**', 'node_modules/**', 'dist/**'];

export default defineConfig({
  test: {
    // Two cores; every file that starts an engine is a process of several hundred megabytes.
    maxWorkers: 2,
    // Ends as soon as what is waited for is there; a second, the default, is short for a busy machine.
    expect: { poll: { timeout: 20_000 } },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'shared', include: WITHOUT_TRACE, isolate: false } },
      {
        extends: true,
        test: { name: 'apart', include: ['test/**/*.test.ts'], exclude: [...ELSEWHERE, ...WITHOUT_TRACE] },
      },
    ],
  },
});
