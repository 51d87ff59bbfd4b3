import type { Settlement } from '../../decide/settlement.ts';
import { acceptChecksums } from '../../operations/accept-checksums.ts';
import { forgetMissing } from '../../operations/forget-missing.ts';
import { settleMigration, settleMigrations } from '../../operations/settle-migration.ts';
import { defaults } from '../../project/defaults.ts';
import { wholeNumber } from '../../project/option.ts';
import { everySchema, type Selection } from '../../project/selection.ts';
import type { RepairedSchema } from '../../repair/repair.ts';
import { databaseFailures } from '../../report/error.ts';
import { changedText, incompleteText, missingText, statesText } from '../../report/repair.ts';
import { printable } from '../../report/table.ts';
import type { DatabaseOutcome } from '../../results.ts';
import type { ChangeOptions } from '../../run/run-options.ts';
import { type Answer, type CommandContext, defineCommand, type Work } from '../command.ts';
import { confirms, exitCodeOfSchemas } from '../execute.ts';
import {
  changeArgs,
  changeOptions,
  checkFlag,
  indexJobsArgs,
  indexJobsOption,
  selectionOf,
  selectorOptions,
  usage,
  yesOption,
} from '../options.ts';

/** `sqlmig repair`. */
export const repairCommand = defineCommand<{ schema?: string; migration?: string }>()({
  name: 'repair',
  describe: 'Repair histories: accept changed files, forget missing files, or settle incomplete migrations',
  pattern: '[schema] [migration]',
  positionals: {
    schema: {
      type: 'string',
      describe: 'Schema of one incomplete migration (instead of --all, --public or --tenants)',
    },
    migration: { type: 'string', describe: 'Version of that migration' },
  },
  options: {
    ...selectorOptions,
    ...changeOptions,
    ...indexJobsOption,
    scope: {
      type: 'string',
      takes: 'NAME',
      describe: 'Scope of that migration, if its version is incomplete in several scopes',
    },
    resume: { type: 'boolean', default: false, describe: 'Check what was completed and continue' },
    'from-statement': {
      type: 'number',
      takes: 'N',
      describe: 'Continue with statement N of the file',
    },
    'mark-applied': { type: 'boolean', default: false, describe: 'Record it as applied and run nothing' },
    forget: {
      type: 'boolean',
      default: false,
      describe: 'Delete the history rows of migrations whose files are missing; undoes nothing',
    },
    ...yesOption,
  },
  examples: [
    ['repair --all', 'show changed files and, after confirmation, accept them'],
    ['repair --all --forget', 'show missing files and, after confirmation, delete their history rows'],
    ['repair --all --resume', 'finish every incomplete migration'],
    ['repair acme 0009 --resume', 'finish an incomplete CREATE INDEX CONCURRENTLY'],
  ],
  prepare: (args, terminal) => {
    const { schema, migration, scope } = args;
    const how = settlementOf(args);
    const select = selectionOf(args);
    const jobs = indexJobsArgs(args);
    const options = { ...changeArgs(args), ...jobs };
    if (jobs.concurrentIndexJobs !== defaults.concurrentIndexJobs && (how === null || schema !== undefined))
      throw usage(
        '--concurrent-index-jobs requires --resume, --from-statement or --mark-applied, and several schemas',
      );
    const isAgreed = async (question: string) => args.yes || (await confirms(terminal, question));
    if (schema !== undefined) {
      if (migration === undefined)
        throw usage('repair needs the version as well', 'for example: sqlmig repair acme 0009');
      if (select !== null)
        throw usage('specify either a schema and a version, or --all, --public or --tenants a,b');
      if (args.forget) throw forgetAlone();
      const named = scope !== undefined && { scope };
      return settleOne({ ...options, ...named, schema, version: migration }, how, isAgreed);
    }
    if (scope !== undefined) throw usage('--scope requires a schema and a version');
    if (how === null)
      return (args.forget ? forget : accept)({ ...options, select: select ?? everySchema }, isAgreed);
    if (args.forget) throw forgetAlone();
    if (select === null) {
      const hint = 'for example: sqlmig repair --all --resume, or sqlmig repair acme 0009 --resume';
      throw usage('specify what to repair: --all, --public, --tenants a,b, or a schema and a version', hint);
    }
    return settleAll({ ...options, select, how });
  },
});

type IsAgreed = (question: string) => Promise<boolean>;

function settlementOf(args: {
  readonly resume: boolean;
  readonly fromStatement?: number | undefined;
  readonly markApplied: boolean;
}): Settlement | null {
  const { fromStatement: statement } = args;
  checkFlag('--from-statement', statement, wholeNumber());
  const chosen: Settlement[] = [
    ...(args.resume ? [{ kind: 'resume' } as const] : []),
    ...(statement === undefined ? [] : [{ kind: 'from', statement } as const]),
    ...(args.markApplied ? [{ kind: 'mark-applied' } as const] : []),
  ];
  if (chosen.length > 1)
    throw usage('--resume, --from-statement and --mark-applied cannot be combined', 'give only one of them');
  return chosen[0] ?? null;
}

function forgetAlone() {
  return usage('--forget requires a selection of schemas', 'for example: sqlmig repair --all --forget');
}

/** Settles one migration; without `how`, shows its state and resumes it on confirmation. */
function settleOne(
  given: ChangeOptions & { readonly schema: string; readonly version: string; readonly scope?: string },
  how: Settlement | null,
  isAgreed: IsAgreed,
): Work {
  return async (context) => {
    const options = inContext(given, context);
    let found = await settleMigration(context.config, { ...options, how });
    const open = how === null && !(await isAgreed(`${incompleteText([found])}Resume it?`));
    if (how === null && !open)
      found = await settleMigration(context.config, { ...options, how: { kind: 'resume' } });
    const end = `settled: ${printable(given.schema)}${found.undoes ? '' : ` has ${printable(found.file)}`}\n`;
    return repairAnswer(found, { open, found: incompleteText([found]), end });
  };
}

function settleAll(given: ChangeOptions & { readonly select: Selection; readonly how: Settlement }): Work {
  return async (context) => {
    const result = await settleMigrations(context.config, inContext(given, context));
    const end = result.incomplete.length === 0 ? '' : 'settled\n';
    return repairAnswer(result, { open: false, found: incompleteText(result.incomplete), end });
  };
}

function forget(given: ChangeOptions & { readonly select: Selection }, isAgreed: IsAgreed): Work {
  return async (context) => {
    const result = await forgetMissing(context.config, {
      ...inContext(given, context),
      accept: (missing) => isAgreed(`${missingText(missing)}Delete these history rows?`),
    });
    const open = result.missing.length > 0 && !result.forgotten;
    const end = result.forgotten ? 'forgotten\n' : '';
    return repairAnswer(result, { open, found: missingText(result.missing), end });
  };
}

function accept(given: ChangeOptions & { readonly select: Selection }, isAgreed: IsAgreed): Work {
  return async (context) => {
    const result = await acceptChecksums(context.config, {
      ...inContext(given, context),
      accept: (changed) => isAgreed(`${changedText(changed)}Accept the files as they are now?`),
    });
    const open = result.changed.length > 0 && !result.accepted;
    const end = result.accepted ? 'accepted\n' : '';
    return repairAnswer(result, { open, found: changedText(result.changed), end });
  };
}

function inContext<O extends ChangeOptions>(options: O, { signal, onEvent }: CommandContext): O {
  return { ...options, signal, onEvent };
}

/** The answer of a repair: what was found, the outcome, and `end` if it succeeded. `open`: it was not confirmed. */
function repairAnswer(
  result: { readonly schemas: readonly RepairedSchema[]; readonly databases?: readonly DatabaseOutcome[] },
  { open, found, end }: { readonly open: boolean; readonly found: string; readonly end: string },
): Answer {
  const failedSchemas = result.schemas.filter(({ state }) => state === 'failed');
  const failedDatabases = databaseFailures(result);
  const failures = [...failedSchemas, ...failedDatabases];
  const failed = failures.length > 0;
  const failedCode =
    failedDatabases.length > 0 ? 1 : exitCodeOfSchemas(failedSchemas.map(({ error }) => error));
  const confirmed = failed ? { code: failedCode, last: '' } : { code: 0, last: end };
  const { code, last } = open ? { code: 1, last: 'nothing was changed\n' } : confirmed;
  return {
    exitCode: code,
    json: { ok: !open && !failed, ...result },
    text: () => found + statesText(result.schemas) + last,
    failures,
  };
}
