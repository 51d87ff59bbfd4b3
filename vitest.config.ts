import { configDefaults, defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

// Short files that take long. Vitest starts the largest files first, so these would begin last and run alone at the end.
const long = /\/(executable|package|unconfirmed|up-crash|sessions|linear|down-to-files|embedded)\.test\.ts$/;

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) => long.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export const tests = {
  globalSetup: ['test/setup/server.ts'],
  setupFiles: ['test/setup/file-end.ts'],
  include: ['test/**/*.test.ts'],
  // They install the tools that they run: npm run test:tools.
  exclude: [...configDefaults.exclude, 'test/tools/**'],
  // Only a test that hangs takes this long, however loaded the machine is.
  testTimeout: 300_000,
  hookTimeout: 300_000,
  expect: { poll: { timeout: 120_000 } },
  // Some tests wait for timeouts of the product, so two workers per core keep the cores busy.
  maxWorkers: 4,
  // Files run one after the other in a worker, which reads our code and PostgreSQL's parser once for all of them.
  isolate: false,
  sequence: { sequencer: LongFirst },
};

export default defineConfig({ test: tests });
