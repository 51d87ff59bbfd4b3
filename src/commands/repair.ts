import type { Argv } from 'yargs';
import { acceptChecksums } from '../operations/accept-checksums.ts';
import { type Settlement, settleMigration } from '../operations/settle-migration.ts';
import { changedText, interruptedText } from '../report/repair.ts';
import { agreed, execute, type Work } from './execute.ts';
import {
  type GlobalOptions,
  lockArgs,
  lockOptions,
  selectionOf,
  selectorOptions,
  usage,
  wholeNumber,
} from './options.ts';
import type { Terminal } from './terminal.ts';

/** `sqlmig repair`. */
export function repairCommand(yargs: Argv<GlobalOptions>, terminal: Terminal, exit: (code: number) => void) {
  return yargs.command(
    'repair [schema] [migration]',
    'Accept changed files, or settle an interrupted non-transactional migration',
    (y) =>
      y
        .positional('schema', { type: 'string', describe: 'Schema of an interrupted migration' })
        .positional('migration', { type: 'string', describe: 'Its version' })
        .options(selectorOptions)
        .options(lockOptions)
        .option('resume', { type: 'boolean', default: false, describe: 'Find out how far it is, and go on' })
        .option('from-statement', {
          type: 'number',
          requiresArg: true,
          describe: 'Go on with this statement',
        })
        .option('mark-applied', {
          type: 'boolean',
          default: false,
          describe: 'Record it as applied, run nothing',
        })
        .option('yes', { type: 'boolean', default: false, describe: 'Do not ask' })
        .example('$0 repair --all', 'show changed files, and accept them when asked')
        .example('$0 repair acme 0009 --resume', 'finish an interrupted CREATE INDEX CONCURRENTLY'),
    async (args) => {
      const work: Work = () => {
        const { schema, migration, yes } = args;
        const from = wholeNumber('--from-statement', args.fromStatement);
        const chosen: Settlement[] = [
          ...(args.resume ? [{ kind: 'resume' } as const] : []),
          ...(from === undefined ? [] : [{ kind: 'from', statement: from } as const]),
          ...(args.markApplied ? [{ kind: 'mark-applied' } as const] : []),
        ];
        if (chosen.length > 1) throw usage('give one of --resume, --from-statement and --mark-applied');
        const [how] = chosen;
        const select = selectionOf(args);
        if (schema !== undefined && migration === undefined)
          throw usage('repair needs the migration as well: repair acme 0009');
        if (schema === undefined && how !== undefined)
          throw usage('repair needs to know what: repair acme 0009 --resume');
        return async ({ config, signal, onEvent }) => {
          const options = { ...lockArgs(args), signal, onEvent };
          if (schema !== undefined && migration !== undefined) {
            const found = await settleMigration(config, schema, migration, how ?? null, options);
            const settled =
              how ??
              (yes || (await agreed(terminal, `${interruptedText(found)}Resume it?`))
                ? ({ kind: 'resume' } as const)
                : null);
            if (how === undefined && settled !== null)
              await settleMigration(config, schema, migration, settled, options);
            const end = settled === null ? 'nothing was changed\n' : `settled: ${schema} has ${found.file}\n`;
            return {
              exitCode: settled === null ? 1 : 0,
              json: { ok: settled !== null, ...found },
              text: () => interruptedText(found) + end,
            };
          }
          const accept = async (changed: Parameters<typeof changedText>[0]) =>
            yes || (await agreed(terminal, `${changedText(changed)}Record what the files are now?`));
          const result = await acceptChecksums(
            config,
            select ?? { kind: 'all', except: [] },
            accept,
            options,
          );
          const open = result.changed.length > 0 && !result.accepted;
          const end = result.accepted ? 'accepted\n' : open ? 'nothing was changed\n' : '';
          return {
            exitCode: open ? 1 : 0,
            json: { ok: !open, ...result },
            text: () => changedText(result.changed) + end,
          };
        };
      };
      exit(await execute(args, terminal, work));
    },
  );
}
