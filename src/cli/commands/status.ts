import { SqlmigError } from '../../errors.ts';
import { readFleetDetails } from '../../operations/fleet-details.ts';
import { status } from '../../operations/status.ts';
import { everySchema } from '../../project/selection.ts';
import { databaseFailures } from '../../report/error.ts';
import { findingAnnotations } from '../../report/github.ts';
import { statusSummary, statusText } from '../../report/status.ts';
import type { StatusResult } from '../../results.ts';
import type { ReadOptions } from '../../state/reading.ts';
import { type CommandContext, defineCommand } from '../command.ts';
import { readSelectorOptions, selectionOf } from '../options.ts';
import { type OutputFile, openOutput } from '../output-file.ts';

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
    html: {
      type: 'string',
      takes: 'FILE',
      describe: 'Write an HTML page with a grid of tenants and migrations, durations, findings and runs',
    },
  },
  examples: [
    ['status', 'one line per scope and version'],
    ['status --check', 'fail a pipeline unless every schema is up to date'],
    ['status --html fleet.html', 'a page to open in a browser'],
  ],
  showsDatabase: true,
  prepare: (args, terminal) => {
    const select = selectionOf(args) ?? everySchema;
    const page = args.html === undefined ? null : openOutput('--html', args.html, terminal.cwd);
    return async ({ config, signal, onEvent }) => {
      const options = { select, signal, onEvent };
      const result = page === null ? await status(config, options) : await writePage(page, config, options);
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

async function writePage(
  page: OutputFile,
  config: CommandContext['config'],
  options: ReadOptions,
): Promise<StatusResult> {
  // Large, and most calls of the command do not need it.
  const { fleetPage } = await import('../../report/page/page.ts');
  const details = await readFleetDetails(config, options);
  const at = `${new Date().toISOString().slice(0, 19)}Z`;
  try {
    page.write(fleetPage(details, at));
  } catch (error) {
    throw new SqlmigError('output-failed', `cannot write the page: ${(error as Error).message}`, {
      hint: 'check the disk and the folder of --html',
      cause: error,
    });
  }
  return details.status;
}
