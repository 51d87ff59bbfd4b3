import { verify } from '../../operations/verify.ts';
import { everySchema } from '../../project/selection.ts';
import { findingAnnotations } from '../../report/github.ts';
import { verifyText } from '../../report/verify.ts';
import { defineCommand } from '../command.ts';
import { readSelectorOptions, selectionOf } from '../options.ts';

/** `sqlmig verify`. */
export const verifyCommand = defineCommand()({
  name: 'verify',
  describe: 'Check that every history matches the files; exit 1 on any difference',
  options: {
    ...readSelectorOptions,
    'check-pending': { type: 'boolean', default: false, describe: 'Treat pending migrations as failures' },
    strict: { type: 'boolean', default: false, describe: 'Treat file warnings as failures' },
  },
  examples: [
    ['verify', 'changed, missing and out-of-order files, in every schema'],
    ['verify --check-pending', 'also fail if a migration is pending'],
    ['verify --json', 'machine-readable output'],
  ],
  prepare: (args) => {
    const select = selectionOf(args) ?? everySchema;
    const { strict, checkPending } = args;
    return async ({ config, signal, onEvent }) => {
      const result = await verify(config, { select, strict, checkPending, signal, onEvent });
      return {
        exitCode: result.ok ? 0 : 1,
        json: result,
        text: (paint) => verifyText(result, paint),
        annotations: () =>
          findingAnnotations(result.findings, ({ kind }) =>
            kind === 'lint' && !strict ? 'warning' : 'error',
          ),
      };
    };
  },
});
