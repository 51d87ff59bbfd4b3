import * as v from 'valibot';
import { errorOfAll, SqlmigError } from '../errors.ts';
import { closest } from '../text/closest.ts';
import type { ConfigContent } from './config-text.ts';
import type { LintSettings } from './lint-settings.ts';
import type { Numbering } from './next-version.ts';
import { settingsChecker } from './settings-checker.ts';
import type { StructureSettings } from './structure-settings.ts';
import { isVar, readVars } from './vars.ts';

/** The `tenants` key of a config file; a function in a `.js` file returns their names. */
export type TenantSettings =
  | { readonly query: string; readonly register?: string | undefined }
  | { readonly pattern: string }
  | { readonly list: readonly unknown[] }
  | ((...args: unknown[]) => unknown);

/** How `adopt --split-by` treats the shared tables. */
export interface SplitSettings {
  /**
   * How the rows of a table are assigned to a tenant: the columns of the foreign key to follow, or, without one, the
   * columns that refer to the keys of another table.
   */
  readonly paths: Readonly<Record<string, SplitPath>>;
  /** Tables that stay shared. */
  readonly keep: readonly string[];
  /** Fire the triggers of the tenants' tables. */
  readonly triggers: boolean;
}

/** A path of `SplitSettings`. */
export type SplitPath =
  | readonly string[]
  | { readonly columns: readonly string[]; readonly table: string; readonly keys: readonly string[] };

/** What a config file may hold (docs/config.md). */
export interface Settings {
  /** The JSON Schema of the file, for editors. */
  readonly $schema?: string | undefined;
  readonly url?: string | undefined;
  readonly directUrl?: string | undefined;
  readonly tenants?: TenantSettings | undefined;
  readonly databases?:
    | readonly {
        readonly name: string;
        readonly url: string;
        readonly directUrl?: string | undefined;
        readonly tenants?: TenantSettings | undefined;
      }[]
    | undefined;
  readonly publicDir?: string | undefined;
  readonly tenantDir?: string | undefined;
  /** Kinds of tenants with files of their own, in the order in which they are migrated. */
  readonly scopes?:
    | readonly {
        readonly name: string;
        /** By default the folder of that name beside `tenantDir`. */
        readonly dir?: string | undefined;
        readonly tenants?: TenantSettings | undefined;
      }[]
    | undefined;
  /** Read the sub-folders of both folders too. */
  readonly recursive?: boolean | undefined;
  /** How `new` numbers files. */
  readonly versions?: Numbering | undefined;
  readonly publicSchema?: string | undefined;
  readonly historyTable?: string | undefined;
  readonly concurrency?: number | undefined;
  readonly outOfOrder?: boolean | undefined;
  /** Store a digest of each history in the catalog, and rely on it. */
  readonly digest?: boolean | undefined;
  /** Never apply several pending files of a tenant in one transaction. */
  readonly transactionPerFile?: boolean | undefined;
  /** A duration such as `60s`. */
  readonly wait?: string | undefined;
  readonly poolMode?: 'session' | 'transaction' | undefined;
  readonly searchPath?: readonly string[] | undefined;
  /** Extensions that `up` creates in public if they are missing. */
  readonly extensions?: readonly string[] | undefined;
  /** What `adopt --split-by` does with the shared tables. */
  readonly split?: { readonly [K in keyof SplitSettings]?: SplitSettings[K] | undefined } | undefined;
  /** What `verify --structure` and `verify --siblings` leave out. */
  readonly structure?:
    | { readonly [K in keyof StructureSettings]?: StructureSettings[K] | undefined }
    | undefined;
  /** Rules of warnings that are turned off, and the version up to which files cause none. */
  readonly lint?: { readonly [K in keyof LintSettings]?: LintSettings[K] | undefined } | undefined;
  /** The values of placeholders in files; if it is set, even to `{}`, placeholders are filled in. */
  readonly vars?: Readonly<Record<string, string>> | undefined;
}

/** Settings that a program can set, and flags and `SQLMIG_*` variables except for `tenants` and `split`. */
export type Overrides = Omit<Settings, '$schema' | 'databases'>;

/** Where settings of variables come from, in messages. */
export const environmentName = 'the environment';
const environment: readonly (readonly [
  variable: string,
  key: keyof Overrides,
  read: (text: string) => unknown,
])[] = [
  ['SQLMIG_URL', 'url', String],
  ['SQLMIG_DIRECT_URL', 'directUrl', String],
  ['SQLMIG_PUBLIC_DIR', 'publicDir', String],
  ['SQLMIG_TENANT_DIR', 'tenantDir', String],
  ['SQLMIG_RECURSIVE', 'recursive', yesOrNo],
  ['SQLMIG_VERSIONS', 'versions', String],
  ['SQLMIG_PUBLIC_SCHEMA', 'publicSchema', String],
  ['SQLMIG_HISTORY_TABLE', 'historyTable', String],
  ['SQLMIG_CONCURRENCY', 'concurrency', Number],
  ['SQLMIG_WAIT', 'wait', String],
  ['SQLMIG_POOL_MODE', 'poolMode', String],
  ['SQLMIG_SEARCH_PATH', 'searchPath', (text) => text.split(',').map((name) => name.trim())],
  ['SQLMIG_OUT_OF_ORDER', 'outOfOrder', yesOrNo],
  ['SQLMIG_DIGEST', 'digest', yesOrNo],
  ['SQLMIG_TRANSACTION_PER_FILE', 'transactionPerFile', yesOrNo],
];

/** Names the config file; it is no setting of its own. */
export const configVariable = 'SQLMIG_CONFIG';

function yesOrNo(text: string): unknown {
  return ({ true: true, '1': true, false: false, '0': false } as Record<string, boolean>)[text] ?? text;
}

/** The settings in `SQLMIG_*` variables, unchecked. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): unknown {
  const settings = environment.flatMap(([variable, key, read]): [string, unknown][] => {
    const value = env[variable];
    return value === undefined || value === '' ? [] : [[key, read(value)]];
  });
  const vars = readVars(env);
  return { ...Object.fromEntries(settings), ...(vars !== null && { vars }) };
}

/** A warning for each `SQLMIG_*` variable that sets nothing. Values are never quoted. */
export function unknownVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = [...environment.map(([variable]) => variable), configVariable];
  return Object.keys(env)
    .filter((name) => name.startsWith('SQLMIG_') && !known.includes(name) && !isVar(name))
    .sort()
    .map((name) => {
      const capitals = name.toUpperCase();
      const meant = isVar(capitals) ? capitals : closest(name, known);
      const hint = meant === null ? `known variables are ${known.join(', ')}` : `did you mean ${meant}?`;
      return `the variable ${name} is unknown and has no effect; ${hint}`;
    });
}

/** Returns the settings of a config file unchanged, so that editors can complete and check them. */
export function defineConfig(config: Settings): Settings {
  return config;
}

/**
 * Checks settings from a file, the environment or flags; `placeOf` finds keys in a file.
 * @throws SqlmigError `config-invalid` naming every wrong key and where it comes from.
 */
export function check(value: unknown, where: string, placeOf?: ConfigContent['placeOf']): Settings {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const what = Array.isArray(value) ? 'a list' : value === null ? 'null' : `a ${typeof value}`;
    throw new SqlmigError('config-invalid', `${where} holds ${what}, not settings`);
  }
  const result = parsed(value, where);
  if (result.success) return result.output satisfies Settings;
  const errors = result.issues.map((issue) => {
    const key = v.getDotPath(issue) ?? '(all of it)';
    const unknown = issue.type === 'strict_object' && issue.expected === 'never';
    const message = unknown ? unknownKey(key, where) : `"${nameOf(key, where)}" in ${where}: ${whyOf(issue)}`;
    const known = Object.keys(settingsChecker.entries)
      .filter((name) => name !== '$schema')
      .join(', ');
    const place = placeOf?.(
      (issue.path ?? []).map((item) => item.key),
      !unknown,
    );
    return new SqlmigError('config-invalid', message, {
      ...place,
      ...(unknown && issue.path?.length === 1 && { hint: `known keys are ${known}` }),
    });
  });
  throw errorOfAll(errors);
}

/** Checks settings, which a module may have as properties that run code. */
function parsed(value: object, where: string) {
  try {
    return v.safeParse(settingsChecker, value);
  } catch (error) {
    const why = error instanceof Error ? error.message : 'a property throws a value that is not an error';
    throw new SqlmigError('config-invalid', `cannot read ${where}: ${why}`, { cause: error });
  }
}

/** A key that is not a word may be a misplaced connection string. */
function unknownKey(key: string, where: string): string {
  return /^[\w.-]{1,64}$/.test(key) ? `unknown key "${key}" in ${where}` : `unknown key in ${where}`;
}

/** What is wrong with a value, without the value itself, which may be a misplaced password. */
function whyOf({ message, kind, expected }: v.BaseIssue<unknown>): string {
  return kind === 'schema' && message.startsWith('Invalid')
    ? `must be ${expected ?? 'something else'}`
    : message;
}

/** The name of a setting in its source. */
function nameOf(key: string, where: string): string {
  return (where === environmentName && environment.find(([, setting]) => setting === key)?.[0]) || key;
}
