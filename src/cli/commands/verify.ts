import { verify } from '../../operations/verify.ts';
import { everySchema } from '../../project/selection.ts';
import { verifyText } from '../../report/verify.ts';
import { defineCommand } from '../command.ts';
import { execute } from '../execute.ts';
import { selectionOf, selectorOptions } from '../options.ts';

/** `sqlmig verify`. */
export const verifyCommand = defineCommand()({
  name: 'verify',
  describe: 'Compare every history with the files; exit 1 if anything differs',
  options: {
    ...selectorOptions,
    'check-pending': { type: 'boolean', default: false, describe: 'Pending migrations fail it too' },
    strict: { type: 'boolean', default: false, describe: 'Warn about all files, and fail for it' },
  },
  examples: [
    ['verify', 'changed, missing and out-of-order files, in every schema'],
    ['verify --check-pending', 'and nothing left to apply'],
    ['verify --json', 'for a program'],
  ],
  run: (args, terminal) =>
    execute(args, terminal, () => {
      const select = selectionOf(args) ?? everySchema;
      return async ({ config, signal, onEvent }) => {
        const { strict, checkPending } = args;
        const result = await verify(config, { select, strict, checkPending, signal, onEvent });
        return { exitCode: result.ok ? 0 : 1, json: result, text: (paint) => verifyText(result, paint) };
      };
    }),
});
