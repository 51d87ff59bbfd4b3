import { status } from '../../operations/status.ts';
import { everySchema } from '../../project/selection.ts';
import { databaseFailures } from '../../report/error.ts';
import { findingAnnotations } from '../../report/github.ts';
import { statusSummary, statusText } from '../../report/status.ts';
import { defineCommand } from '../command.ts';
import { readSelectorOptions, selectionOf } from '../options.ts';

/** `sqlmig status`. */
export const statusCommand = defineCommand()({
  name: 'status',
  describe: 'Show the migration status of public and all tenants',
  options: {
    ...readSelectorOptions,
    check: {
      type: 'boolean',
      default: false,
      describe: 'Exit 1 if anything is pending or differs from the files',
    },
  },
  examples: [
    ['status', 'one line per scope and version'],
    ['status --check', 'fail a pipeline unless every schema is up to date'],
  ],
  showsDatabase: true,
  prepare: (args) => {
    const select = selectionOf(args) ?? everySchema;
    return async ({ config, signal, onEvent }) => {
      const result = await status(config, { select, signal, onEvent });
      const failures = databaseFailures(result);
      return {
        failures,
        exitCode: failures.length > 0 || (args.check && !result.ok) ? 1 : 0,
        json: result,
        text: (paint) => statusText(result, paint),
        summary: statusSummary(result, args.check),
        annotations: () =>
          findingAnnotations(
            result.schemas.flatMap(({ findings }) => findings),
            () => (args.check ? 'error' : 'warning'),
          ),
      };
    };
  },
});
