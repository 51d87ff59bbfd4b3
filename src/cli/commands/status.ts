import { status } from '../../operations/status.ts';
import { everySchema } from '../../project/selection.ts';
import { statusSummary, statusText } from '../../report/status.ts';
import { defineCommand } from '../command.ts';
import { execute } from '../execute.ts';
import { selectionOf, selectorOptions } from '../options.ts';

/** `sqlmig status`. */
export const statusCommand = defineCommand()({
  name: 'status',
  describe: 'Show where public and the tenants stand; exits 0 whatever it finds, unless --check is given',
  options: {
    ...selectorOptions,
    check: { type: 'boolean', default: false, describe: 'Exit 1 if anything is pending or found' },
  },
  examples: [
    ['status', 'a line a scope and version'],
    ['status --check', 'for a pipeline'],
  ],
  run: (args, terminal) =>
    execute(args, terminal, () => {
      const select = selectionOf(args) ?? everySchema;
      return async ({ config, signal, onEvent }) => {
        const result = await status(config, { select, signal, onEvent });
        return {
          exitCode: args.check && !result.ok ? 1 : 0,
          json: result,
          text: (paint) => statusText(result, paint),
          summary: statusSummary(result, args.check),
        };
      };
    }),
});
