import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    globalSetup: ['test/setup/server.ts'],
    include: ['test/**/*.test.ts'],
    // Only a test that hangs takes this long, however loaded the machine is.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Many tests start processes of their own, and many wait: more than this only makes them wait for each other.
    maxWorkers: 3,
  },
});
