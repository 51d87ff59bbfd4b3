import { checkFiles } from '../../operations/check-files.ts';
import { checkText } from '../../report/check.ts';
import { findingAnnotations } from '../../report/github.ts';
import { defineCommand } from '../command.ts';

/** `sqlmig check`. */
export const checkCommand = defineCommand()({
  name: 'check',
  describe: 'Check the names, SQL and transaction rules of all files, without a database',
  options: {
    strict: { type: 'boolean', default: false, describe: 'Treat file warnings as failures' },
  },
  examples: [
    ['check', 'check all files, for example in a pre-commit hook'],
    ['check --strict', 'also fail for warnings'],
  ],
  needsDatabase: false,
  prepare:
    ({ strict }) =>
    async ({ config, onEvent }) => {
      const result = await checkFiles(config, { strict, onEvent });
      return {
        exitCode: result.ok ? 0 : 1,
        json: result,
        text: (paint) => checkText(result, paint),
        annotations: () => findingAnnotations(result.findings, () => (strict ? 'error' : 'warning')),
      };
    },
});
