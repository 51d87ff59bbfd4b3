import type { ArgumentsCamelCase, InferredOptionTypes, Options } from 'yargs';
import { type PlanOptions, planKinds } from '../decide/plan.ts';
import { type Canary, parseMaxFailures } from '../decide/stop-rule.ts';
import { SqlmigError } from '../errors.ts';
import { defaults } from '../project/defaults.ts';
import { formatDuration, parseDuration } from '../project/duration.ts';
import { checkOptions, checkValue, type Kind, type Naming } from '../project/option.ts';
import type { Selection } from '../project/selection.ts';
import type { Overrides } from '../project/settings.ts';
import { changeKinds } from '../run/run-options.ts';

function options<T extends Record<string, Options>>(given: T): T {
  return given;
}

/** Flags that every command has. */
export const globalOptions = options({
  config: {
    type: 'string',
    describe: 'Config file, instead of the one found from here upward',
    requiresArg: true,
  },
  'env-file': {
    type: 'string',
    array: true,
    nargs: 1,
    describe: 'Read variables from this file, as node does; those that are set already win',
  },
  url: {
    type: 'string',
    describe: 'Database URL (DATABASE_URL, PGSERVICE and the PG* variables work too)',
    requiresArg: true,
  },
  embedded: {
    type: 'boolean',
    default: false,
    describe: 'Use a local PostgreSQL from npm, with its data in .sqlmig/',
  },
  wait: {
    type: 'string',
    describe: 'How long to wait for a database that is not there yet, such as 60s',
    requiresArg: true,
  },
  'pool-mode': {
    choices: ['session', 'transaction'] as const,
    requiresArg: true,
    describe: 'What the pooler in the URL gives a client, where sqlmig cannot tell',
  },
  'direct-url': { type: 'string', describe: 'Database URL that bypasses a pooler', requiresArg: true },
  'public-dir': {
    type: 'string',
    describe: `Folder of the public files [${defaults.publicDir}]`,
    requiresArg: true,
  },
  'tenant-dir': {
    type: 'string',
    describe: `Folder of the tenant files [${defaults.tenantDir}]`,
    requiresArg: true,
  },
  'public-schema': {
    type: 'string',
    describe: `Name of the shared schema [${defaults.publicSchema}]`,
    requiresArg: true,
  },
  'search-path': {
    type: 'string',
    describe: `search_path of tenant files [${defaults.searchPath}]`,
    requiresArg: true,
  },
  'history-table': {
    type: 'string',
    describe: `Name of the history tables [${defaults.historyTable}]`,
    requiresArg: true,
  },
  json: { type: 'boolean', default: false, describe: 'One JSON document on stdout' },
  quiet: { type: 'boolean', default: false, describe: 'Only errors on stderr' },
  verbose: {
    type: 'boolean',
    default: false,
    describe: 'Every migration, retry and server notice on stderr',
  },
  'log-format': {
    choices: ['text', 'json'] as const,
    default: 'text' as const,
    requiresArg: true,
    describe: 'Form of the progress on stderr',
  },
  color: { type: 'boolean', describe: 'Colours (--no-color and NO_COLOR switch them off)' },
});

/** What a command gets of them. */
export type GlobalArgs = ArgumentsCamelCase<
  InferredOptionTypes<typeof globalOptions> & {
    concurrency?: number | undefined;
    digest?: boolean | undefined;
  }
>;

/** Flags that say which schemas a command is for. */
export const selectorOptions = options({
  all: { type: 'boolean', default: false, describe: 'Public and all tenants' },
  public: { type: 'boolean', default: false, describe: 'Public alone' },
  tenants: { type: 'string', array: true, requiresArg: true, describe: 'Public, then these tenants: a,b' },
  'except-tenants': {
    type: 'string',
    array: true,
    requiresArg: true,
    describe: 'With --all: but not these tenants',
  },
});

/** What a command gets of `selectorOptions`. */
export type SelectorArgs = ArgumentsCamelCase<InferredOptionTypes<typeof selectorOptions>>;

/** Flags that say how far `up` and `plan` go. */
export const planOptions = options({
  to: { type: 'string', requiresArg: true, describe: 'Stop at this version' },
  steps: { type: 'number', requiresArg: true, describe: 'At most so many migrations a schema' },
  'out-of-order': { type: 'boolean', describe: 'Apply pending files below the newest applied version' },
  'ignore-changed': {
    type: 'boolean',
    default: false,
    describe: 'Go on although an applied file was changed',
  },
});

/** Flags that say how a run puts up with locks. */
export const lockOptions = options({
  'lock-timeout': {
    type: 'string',
    default: formatDuration(defaults.lockTimeoutMs),
    requiresArg: true,
    describe: 'How long a statement waits for a lock before it is tried again',
  },
  'concurrent-index-jobs': {
    type: 'number',
    default: defaults.concurrentIndexJobs,
    requiresArg: true,
    describe: 'How many non-transactional migrations run at once',
  },
  sync: {
    type: 'boolean',
    default: false,
    describe: 'Wait for the disk at each commit, not once at the end',
  },
  'wait-for-lock': {
    type: 'string',
    default: formatDuration(defaults.waitForLockMs),
    requiresArg: true,
    describe: 'How long to wait for other runs without any progress (then exit 4)',
  },
});

/** The flag that writes although somebody asked not to. */
export const readOnlyOption = options({
  'ignore-read-only': {
    type: 'boolean',
    default: false,
    describe: 'Write although default_transaction_read_only is on',
  },
});

/** The flag that answers a question beforehand. */
export const yesOption = options({ yes: { type: 'boolean', default: false, describe: 'Do not ask' } });

/** Settings that flags give. */
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
    ...(args.digest !== undefined && { digest: args.digest }),
  };
}

/** The selection that flags give; `null` without a selector. @throws SqlmigError `bad-usage` for two at once. */
export function selectionOf(args: SelectorArgs): Selection | null {
  const chosen = [args.all, args.public, args.tenants !== undefined].filter(Boolean).length;
  const except = nameList(args.exceptTenants ?? []);
  if (chosen > 1) throw usage('give one of --all, --public and --tenants');
  if (except.length > 0 && !args.all) throw usage('--except-tenants goes with --all');
  if (args.all) return { kind: 'all', except };
  if (args.public) return { kind: 'public' };
  if (args.tenants === undefined) return null;
  const names = nameList(args.tenants);
  if (names.length === 0) throw usage('--tenants names nobody');
  return { kind: 'tenants', names };
}

/** How options are called on the command line. */
export const flags: Naming = {
  called: (option) =>
    `--${option.replace(/Ms$/, '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
  hint: 'see sqlmig --help',
};

/** What `lockOptions` say. @throws SqlmigError `bad-usage`. */
export function lockArgs(args: ArgumentsCamelCase<InferredOptionTypes<typeof lockOptions>>) {
  const given = {
    lockTimeoutMs: durationOf('--lock-timeout', args.lockTimeout),
    waitForLockMs: durationOf('--wait-for-lock', args.waitForLock),
    sync: args.sync,
    concurrentIndexJobs: args.concurrentIndexJobs,
  };
  checkOptions(given, changeKinds, flags);
  return given;
}

/** Names separated by commas; `\,` is a comma in a name. */
export function nameList(values: readonly string[]): string[] {
  return values
    .flatMap((value) => value.split(/(?<!\\),/))
    .map((name) => name.replaceAll('\\,', ','))
    .filter((name) => name !== '');
}

/** What `planOptions` say. @throws SqlmigError `bad-usage`. */
export function planArgs(
  args: ArgumentsCamelCase<InferredOptionTypes<typeof planOptions>>,
): Partial<PlanOptions> {
  const given = {
    to: args.to ?? null,
    steps: args.steps ?? null,
    ignoreChanged: args.ignoreChanged,
    ...(args.outOfOrder !== undefined && { outOfOrder: args.outOfOrder }),
  };
  checkOptions(given, planKinds, flags);
  return given;
}

/** Checks the value of one flag. @throws SqlmigError `bad-usage`. */
export function checkFlag(flag: string, value: unknown, kind: Kind): void {
  if (value !== undefined) checkValue(flag, value, { hint: flags.hint, ...kind });
}

/** Milliseconds of a flag. @throws SqlmigError `bad-usage`. */
function durationOf(flag: string, text: string): number {
  const ms = typeof text === 'string' ? parseDuration(text) : null;
  if (ms === null) throw usage(`${flag} takes a duration such as 500ms, 30s or 15m, not "${text}"`);
  return ms;
}

/** What `--max-failures` says. @throws SqlmigError `bad-usage`. */
export function maxFailuresOf(text: string) {
  const rule = typeof text === 'string' ? parseMaxFailures(text) : null;
  if (rule === null)
    throw usage(`--max-failures takes a number of at least 1 or a percentage, not "${text}"`);
  return rule;
}

/**
 * What `--canary` says: `3`, `10%`, or names; a tenant called `42` is written `42,`.
 * @throws SqlmigError `bad-usage`.
 */
export function canaryOf(text: string): Canary {
  const number = typeof text === 'string' && /^\d+%?$/.test(text) ? parseMaxFailures(text) : null;
  if (number !== null) return 'count' in number ? number.count : number;
  const names = typeof text === 'string' && !/^\d+%?$/.test(text) ? nameList([text]) : [];
  if (names.length > 0) return { names };
  throw usage(`--canary takes a number of at least 1, a percentage or names of tenants, not "${text}"`);
}

/** The error for flags that make no sense. */
export function usage(message: string, hint?: string): SqlmigError {
  return new SqlmigError('bad-usage', message, { hint: hint ?? flags.hint });
}
