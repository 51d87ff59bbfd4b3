import type { Settlement } from '../../decide/settlement.ts';
import { acceptChecksums } from '../../operations/accept-checksums.ts';
import { forgetMissing } from '../../operations/forget-missing.ts';
import { settleMigration, settleMigrations } from '../../operations/settle-migration.ts';
import { wholeNumber } from '../../project/option.ts';
import { everySchema } from '../../project/selection.ts';
import type { RepairedSchema } from '../../repair/repair.ts';
import { changedText, incompleteText, missingText, repairedText } from '../../report/repair.ts';
import { defineCommand } from '../command.ts';
import { type Answer, agreed, execute, exitCodeOfSchemas } from '../execute.ts';
import {
  checkFlag,
  lockArgs,
  lockOptions,
  readOnlyOption,
  selectionOf,
  selectorOptions,
  usage,
  yesOption,
} from '../options.ts';

/** `sqlmig repair`. */
export const repairCommand = defineCommand<{ schema?: string; migration?: string }>()({
  name: 'repair',
  describe: 'Accept changed files, forget missing ones, or settle an incomplete migration',
  pattern: '[schema] [migration]',
  positionals: {
    schema: { type: 'string', describe: 'Schema of an incomplete migration; a selection takes all of them' },
    migration: { type: 'string', describe: 'Its version' },
  },
  options: {
    ...selectorOptions,
    ...lockOptions,
    ...readOnlyOption,
    resume: { type: 'boolean', default: false, describe: 'Find out how far it is, and go on' },
    'from-statement': { type: 'number', requiresArg: true, describe: 'Go on with this statement' },
    'mark-applied': { type: 'boolean', default: false, describe: 'Record it as applied, run nothing' },
    forget: {
      type: 'boolean',
      default: false,
      describe: 'Delete the history rows of migrations whose files are gone, undo nothing',
    },
    ...yesOption,
  },
  examples: [
    ['repair --all', 'show changed files, and accept them when asked'],
    ['repair --all --forget', 'show migrations whose files are gone, and forget them when asked'],
    ['repair --all --resume', 'settle every incomplete migration'],
    ['repair acme 0009 --resume', 'finish an incomplete CREATE INDEX CONCURRENTLY'],
  ],
  run: (args, terminal) =>
    execute(args, terminal, () => {
      const { schema, migration, yes } = args;
      const from = args.fromStatement;
      checkFlag('--from-statement', from, wholeNumber());
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
      if (schema !== undefined && select !== null)
        throw usage('give a schema and its migration, or a selection: --all, --public or --tenants a,b');
      if (schema === undefined && select === null && how !== undefined)
        throw usage('repair needs to know what: repair --all --resume, or repair acme 0009 --resume');
      if (args.forget && (schema !== undefined || how !== undefined))
        throw usage('--forget takes a selection of schemas: repair --all --forget');
      return async ({ config, signal, onEvent }) => {
        const options = { ...lockArgs(args), ignoreReadOnly: args.ignoreReadOnly, signal, onEvent };
        if (schema !== undefined && migration !== undefined) {
          let found = await settleMigration(config, schema, migration, how ?? null, options);
          const question = `${incompleteText([found])}Resume it?`;
          const resume = how === undefined && (yes || (await agreed(terminal, question)));
          if (resume) found = await settleMigration(config, schema, migration, { kind: 'resume' }, options);
          const open = how === undefined && !resume;
          return repairAnswer(
            found,
            open,
            () => incompleteText([found]),
            `settled: ${schema} has ${found.file}\n`,
          );
        }
        const whom = select ?? everySchema;
        if (how !== undefined) {
          const result = await settleMigrations(config, whom, how, options);
          const end = result.incomplete.length === 0 ? '' : 'settled\n';
          return repairAnswer(result, false, () => incompleteText(result.incomplete), end);
        }
        if (args.forget) {
          const forget = async (missing: Parameters<typeof missingText>[0]) =>
            yes || (await agreed(terminal, `${missingText(missing)}Delete these rows of the histories?`));
          const result = await forgetMissing(config, whom, forget, options);
          const open = result.missing.length > 0 && !result.forgotten;
          return repairAnswer(
            result,
            open,
            () => missingText(result.missing),
            result.forgotten ? 'forgotten\n' : '',
          );
        }
        const accept = async (changed: Parameters<typeof changedText>[0]) =>
          yes || (await agreed(terminal, `${changedText(changed)}Record what the files are now?`));
        const result = await acceptChecksums(config, whom, accept, options);
        const open = result.changed.length > 0 && !result.accepted;
        return repairAnswer(
          result,
          open,
          () => changedText(result.changed),
          result.accepted ? 'accepted\n' : '',
        );
      };
    }),
});

/** What a repair answers; `open`: it was not agreed to. */
function repairAnswer<R extends { readonly schemas: readonly RepairedSchema[] }>(
  result: R,
  open: boolean,
  found: () => string,
  end: string,
): Answer {
  const failures = result.schemas.filter(({ state }) => state === 'failed');
  const failed = failures.length > 0;
  return {
    exitCode: open ? 1 : failed ? exitCodeOfSchemas(failures.map(({ error }) => error)) : 0,
    json: { ok: !open && !failed, ...result },
    text: () => found() + repairedText(result.schemas) + (open ? 'nothing was changed\n' : failed ? '' : end),
    failures,
  };
}
