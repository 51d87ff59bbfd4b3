import { checkSnapshot, writeSnapshot } from '../../operations/snapshot.ts';
import { snapshotCheckedText, snapshotWrittenText } from '../../report/snapshot.ts';
import { defineCommand } from '../command.ts';

/** `sqlmig snapshot`. */
export const snapshotCommand = defineCommand()({
  name: 'snapshot',
  describe: 'Write a snapshot of what the tenant files build, to create tenants faster',
  options: {
    check: {
      type: 'boolean',
      default: false,
      describe: 'Only check that no snapshot is stale or edited, without a database',
    },
  },
  examples: [
    [
      'snapshot',
      'replay the files in a temporary database, and write sql/tenant.snapshot.sql and one for each scope',
    ],
    ['snapshot --check', 'in CI: exit code 1 if new tenants would not be created from the snapshot'],
  ],
  needsDatabase: ({ check }) => check !== true,
  prepare:
    ({ check }) =>
    async ({ config, signal, onEvent }) => {
      if (check) {
        const checked = await checkSnapshot(config);
        return {
          exitCode: checked.ok ? 0 : 1,
          json: checked,
          text: () => snapshotCheckedText(checked),
        };
      }
      const written = await writeSnapshot(config, { signal, onEvent });
      const isWhole = written.kinds?.every(({ error }) => error === undefined) !== false;
      return { exitCode: isWhole ? 0 : 1, json: written, text: () => snapshotWrittenText(written) };
    },
});
