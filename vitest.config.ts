import { configDefaults, defineConfig } from 'vitest/config';

export const tests = {
  globalSetup: ['test/setup/server.ts'],
  setupFiles: ['test/setup/file-end.ts'],
  include: ['test/**/*.test.ts'],
  // They install the tools that they run: npm run test:tools.
  exclude: [...configDefaults.exclude, 'test/tools/**'],
  // Only a test that hangs takes this long, however loaded the machine is.
  testTimeout: 300_000,
  hookTimeout: 300_000,
  // Some tests wait for timeouts of the product, so two workers per core keep the cores busy.
  maxWorkers: 4,
  // Files run one after the other in a worker, which reads our code and PostgreSQL's parser once for all of them.
  isolate: false,
};

export default defineConfig({ test: tests });
