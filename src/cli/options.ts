import type { ArgumentsCamelCase, InferredOptionTypes } from 'yargs';
import { type PlanOptions, planKinds } from '../decide/plan.ts';
import { SqlmigError } from '../errors.ts';
import { defaults } from '../project/defaults.ts';
import { formatDuration, parseDuration } from '../project/duration.ts';
import { checkOptions, checkValue, type Kind, type Naming } from '../project/option.ts';
import type { Selection } from '../project/selection.ts';
import type { Overrides } from '../project/settings.ts';
import { changeKinds } from '../run/run-options.ts';
import type { OptionSet } from './flag.ts';

function options<T extends OptionSet>(given: T): T {
  return given;
}

/** Flags of every command. */
export const globalOptions = options({
  config: {
    type: 'string',
    takes: 'FILE',
    describe: 'Config file (default: the nearest one in this or a parent directory)',
  },
  'env-file': {
    type: 'string',
    takes: 'FILE',
    array: true,
    nargs: 1,
    describe: 'Load environment variables from a file, without overriding those already set',
  },
  url: {
    type: 'string',
    takes: 'URL',
    alias: 'u',
    describe: 'Database URL (also read from DATABASE_URL, PGSERVICE and PG* variables)',
  },
  database: {
    type: 'string',
    takes: 'NAMES',
    array: true,
    nargs: 1,
    describe: 'Use only these databases of "databases" in the config: eu,us',
  },
  embedded: {
    type: 'boolean',
    default: false,
    describe: 'Run a local PostgreSQL from npm, with its data in .sqlmig/',
  },
  wait: {
    type: 'string',
    takes: 'DURATION',
    describe: 'Wait up to this long for the database to become reachable, such as 60s (no unit: seconds)',
  },
  'pool-mode': {
    choices: ['session', 'transaction'] as const,
    describe: 'Mode of the connection pooler in the URL, if sqlmig cannot detect it',
  },
  'direct-url': { type: 'string', takes: 'URL', describe: 'Database URL that bypasses a pooler' },
  'public-dir': {
    type: 'string',
    takes: 'DIR',
    describe: `Folder of the public migrations [${defaults.publicDir}]`,
  },
  'tenant-dir': {
    type: 'string',
    takes: 'DIR',
    describe: `Folder of the tenant migrations [${defaults.tenantDir}]`,
  },
  'public-schema': {
    type: 'string',
    takes: 'NAME',
    describe: `Name of the shared schema [${defaults.publicSchema}]`,
  },
  'search-path': {
    type: 'string',
    takes: 'NAMES',
    describe: `search_path for tenant migrations [${defaults.searchPath}]`,
  },
  'history-table': {
    type: 'string',
    takes: 'NAME',
    describe: `Name of the history tables [${defaults.historyTable}]`,
  },
  json: { type: 'boolean', default: false, describe: 'Print one JSON document to stdout' },
  quiet: { type: 'boolean', alias: 'q', default: false, describe: 'Print only errors to stderr' },
  verbose: {
    type: 'boolean',
    alias: 'v',
    default: false,
    describe: 'Print every migration, retry and server notice to stderr',
  },
  'log-format': {
    choices: ['text', 'json'] as const,
    default: 'text' as const,
    describe: 'Format of progress and errors on stderr',
  },
  color: { type: 'boolean', describe: 'Use colors (--no-color or NO_COLOR turns them off)' },
});

/** The values of the global flags. */
export type GlobalArgs = ArgumentsCamelCase<
  InferredOptionTypes<typeof globalOptions> & {
    concurrency?: number | undefined;
    skipUnchanged?: boolean | undefined;
  }
>;

/** Flags that select schemas. */
export const selectorOptions = options({
  all: { type: 'boolean', default: false, describe: 'Select public and all tenants' },
  public: { type: 'boolean', default: false, describe: 'Select public only' },
  tenants: {
    type: 'string',
    takes: 'NAMES',
    array: true,
    describe: 'Select public and these tenants: a,b',
  },
  'except-tenants': {
    type: 'string',
    takes: 'NAMES',
    array: true,
    describe: 'Exclude these tenants from --all',
  },
});

/** The same flags for commands that select everything by default. */
export const readSelectorOptions = options({
  ...selectorOptions,
  all: { ...selectorOptions.all, describe: `${selectorOptions.all.describe} (the default)` },
});

/** The values of `selectorOptions`. */
type SelectorArgs = ArgumentsCamelCase<InferredOptionTypes<typeof selectorOptions>>;

/** Flags that limit what `up` and `plan` apply. */
export const planOptions = options({
  to: { type: 'string', takes: 'VERSION', describe: 'Limit to migrations up to and including this version' },
  steps: { type: 'number', takes: 'N', describe: 'Limit to N migrations per schema' },
  'out-of-order': { type: 'boolean', describe: 'Allow pending migrations older than the newest applied one' },
  'ignore-changed': {
    type: 'boolean',
    default: false,
    describe: 'Continue even if an applied file was changed',
  },
});

/** The flag that limits non-transactional files. */
export const indexJobsOption = options({
  'concurrent-index-jobs': {
    type: 'number',
    takes: 'N',
    default: defaults.concurrentIndexJobs,
    describe: 'Run up to N non-transactional migrations at once',
  },
});

/** Flags of commands that run the files of tenants. */
export const commitOptions = options({
  ...indexJobsOption,
  'flush-every-commit': {
    type: 'boolean',
    alias: 'sync',
    default: false,
    describe: 'Flush every commit of a tenant to disk, not only once at the end',
  },
});

/** Flags of commands that change a database. */
export const changeOptions = options({
  'lock-timeout': {
    type: 'string',
    takes: 'DURATION',
    default: formatDuration(defaults.lockTimeoutMs),
    describe: 'Cancel and retry a statement that waits this long for a lock (no unit: seconds)',
  },
  'wait-for-lock': {
    type: 'string',
    takes: 'DURATION',
    default: formatDuration(defaults.waitForLockMs),
    describe:
      'Give up (exit 4) after this long without progress while other runs hold locks (no unit: seconds)',
  },
  'ignore-read-only': {
    type: 'boolean',
    default: false,
    describe: 'Write even if default_transaction_read_only is on',
  },
});

/** The flag that skips a confirmation. */
export const yesOption = options({
  yes: { type: 'boolean', default: false, describe: 'Do not ask for confirmation' },
});

/** The settings that flags override. */
export function overridesOf(args: GlobalArgs): Overrides {
  return {
    ...(args.url !== undefined && { url: args.url }),
    ...(args.wait !== undefined && { wait: args.wait }),
    ...(args.poolMode !== undefined && { poolMode: args.poolMode }),
    ...(args.directUrl !== undefined && { directUrl: args.directUrl }),
    ...(args.publicDir !== undefined && { publicDir: args.publicDir }),
    ...(args.tenantDir !== undefined && { tenantDir: args.tenantDir }),
    ...(args.publicSchema !== undefined && { publicSchema: args.publicSchema }),
    ...(args.searchPath !== undefined && { searchPath: nameList([args.searchPath]) }),
    ...(args.historyTable !== undefined && { historyTable: args.historyTable }),
    ...(args.concurrency !== undefined && { concurrency: args.concurrency }),
    ...(args.skipUnchanged !== undefined && { digest: args.skipUnchanged }),
  };
}

/** The schemas that the flags select; `null` without a selector. @throws SqlmigError `bad-usage` for several selectors. */
export function selectionOf(args: SelectorArgs): Selection | null {
  const chosen = [args.all, args.public, args.tenants !== undefined].filter(Boolean).length;
  const except = nameList(args.exceptTenants ?? []);
  if (chosen > 1) throw usage('--all, --public and --tenants cannot be combined', 'give only one of them');
  if (except.length > 0 && !args.all) throw usage('--except-tenants requires --all');
  if (args.all) return { kind: 'all', except };
  if (args.public) return { kind: 'public' };
  if (args.tenants === undefined) return null;
  const names = nameList(args.tenants);
  if (names.length === 0) throw usage('--tenants is empty', 'list the tenants: --tenants a,b');
  return { kind: 'tenants', names };
}

/** The names of options on the command line. */
export const flagOf: Naming = (option) => `--${kebabCase(option.replace(/Ms$/, ''))}`;

/** The name by which a parser returns a flag. */
export function camelCase(flag: string): string {
  return flag.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** The flag that a parser returns by this name. */
export function kebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Reads `changeOptions`. @throws SqlmigError `bad-usage`. */
export function changeArgs(args: ArgumentsCamelCase<InferredOptionTypes<typeof changeOptions>>) {
  const given = {
    lockTimeoutMs: durationOf('--lock-timeout', args.lockTimeout),
    waitForLockMs: durationOf('--wait-for-lock', args.waitForLock),
    ignoreReadOnly: args.ignoreReadOnly,
  };
  checkOptions(given, changeKinds, flagOf);
  return given;
}

/** Reads `indexJobsOption`. @throws SqlmigError `bad-usage`. */
export function indexJobsArgs({
  concurrentIndexJobs,
}: ArgumentsCamelCase<InferredOptionTypes<typeof indexJobsOption>>) {
  checkOptions({ concurrentIndexJobs }, changeKinds, flagOf);
  return { concurrentIndexJobs };
}

/** Reads `commitOptions`. @throws SqlmigError `bad-usage`. */
export function commitArgs(args: ArgumentsCamelCase<InferredOptionTypes<typeof commitOptions>>) {
  return { ...indexJobsArgs(args), sync: args.flushEveryCommit };
}

/** Splits names at commas; `\,` is a comma within a name. */
export function nameList(values: readonly string[]): string[] {
  return values
    .flatMap((value) => value.split(/(?<!\\),/))
    .map((name) => name.replaceAll('\\,', ','))
    .filter((name) => name !== '');
}

/** Reads `planOptions`. @throws SqlmigError `bad-usage`. */
export function planArgs(
  args: ArgumentsCamelCase<InferredOptionTypes<typeof planOptions>>,
): Partial<PlanOptions> {
  const given = {
    to: args.to ?? null,
    steps: args.steps ?? null,
    ignoreChanged: args.ignoreChanged,
    ...(args.outOfOrder !== undefined && { outOfOrder: args.outOfOrder }),
  };
  checkOptions(given, planKinds, flagOf);
  return given;
}

/** Checks the value of one flag. @throws SqlmigError `bad-usage`. */
export function checkFlag(flag: string, value: unknown, kind: Kind): void {
  if (value !== undefined) checkValue(flag, value, kind);
}

/** Reads a duration, in milliseconds. @throws SqlmigError `bad-usage`. */
function durationOf(flag: string, text: string): number {
  const ms = typeof text === 'string' ? parseDuration(text) : null;
  if (ms === null) throw usage(`${flag} takes a duration such as 500ms, 30s or 15m, not "${text}"`);
  return ms;
}

/** The error for wrong flags or arguments. Without a hint, it gets the help of the command (see `withHelp`). */
export function usage(message: string, hint?: string): SqlmigError {
  return new SqlmigError('bad-usage', message, { hint });
}
