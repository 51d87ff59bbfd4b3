import { runs } from '../../operations/runs.ts';
import { wholeNumber } from '../../project/option.ts';
import { databaseFailures } from '../../report/error.ts';
import { runsText } from '../../report/runs.ts';
import { defineCommand } from '../command.ts';
import { checkFlag } from '../options.ts';

/** `sqlmig runs`. */
export const runsCommand = defineCommand()({
  name: 'runs',
  describe: 'Show the last runs of up and down, and what failed in the newest one',
  options: {
    limit: { type: 'number', takes: 'N', default: 10, describe: 'Show the last N runs' },
  },
  examples: [['runs', 'the last ten runs']],
  showsDatabase: true,
  prepare: ({ limit }) => {
    checkFlag('--limit', limit, wholeNumber());
    return async ({ config, signal, onEvent }) => {
      const result = await runs(config, { limit, signal, onEvent });
      const failures = databaseFailures(result);
      return {
        exitCode: failures.length > 0 ? 1 : 0,
        json: result,
        text: () => runsText(result),
        failures,
      };
    };
  },
});
