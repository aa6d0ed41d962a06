import { defineConfig } from 'vitest/config';

/** What needs a browser, Chromium or Chrome: `npm run test:browser`. */
export default defineConfig({
  test: {
    include: ['test/browser/**/*.test.ts'],
    // A browser, an engine and the whole program at once: one file after the other.
    maxWorkers: 1,
    testTimeout: 60_000,
    hookTimeout: 180_000,
  },
});
