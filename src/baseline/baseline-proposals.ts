import type { Obstacle } from '../adopt/foreign-histories.ts';
import type { FoundTable } from '../history/foreign-tables.ts';
import { readerOf } from '../history/import/readers.ts';
import type { Config } from '../project/config.ts';
import { historyKey } from '../project/order.ts';
import type { Selection } from '../project/selection.ts';
import type { Scope, ScopeName } from '../results.ts';
import type { Migration } from '../sql/migration.ts';
import type { Target } from '../state/target.ts';
import { commandLine } from '../text/command-line.ts';
import { few } from '../text/few.ts';
import { type FilesBeforeKind, noFilesBefore } from './files-before-kind.ts';

/** The baseline that would be recorded in a schema. */
export interface ProposedBaseline {
  readonly schema: string;
  readonly scope: ScopeName;
  /** The newest version that it records. */
  readonly version: string | null;
  /** The number of files, repeatables included. */
  readonly files: number;
  readonly repeatables: number;
}

/** Why a schema gets no baseline. */
export interface RefusedBaseline extends Obstacle {
  readonly schema: string;
}

/** A schema with a baseline to record, and the files that it covers. */
export interface BaselineProposal {
  readonly target: Target;
  readonly files: readonly Migration[];
  /** The files of all tenants, if these are those of a kind. */
  readonly before: FilesBeforeKind;
}

/** The rules for proposing baselines. */
export interface BaselineRules {
  readonly config: Config;
  readonly version: string;
  readonly select: Selection;
  readonly covered: Readonly<Record<Scope, readonly Migration[]>>;
  readonly histories: readonly FoundTable[];
  /** What `readFilesBefore` has read. */
  readonly before: ReadonlyMap<string, FilesBeforeKind | null>;
  /** The number of objects in each schema. */
  readonly objects: (schema: string) => number;
}

/** The baseline of a schema, or why it is refused; `null` if there is nothing to record. */
export function proposeBaseline(
  target: Target,
  rules: BaselineRules,
): BaselineProposal | RefusedBaseline | null {
  const { schema, scope } = target;
  const files = rules.covered[scope];
  if (files.length === 0) return null;
  const refused = refusalOf(target, rules);
  if (refused !== null) return { schema, ...refused };
  return target.rows.length > 0 ? null : { target, files, before: rules.before.get(schema) ?? noFilesBefore };
}

function refusalOf(target: Target, rules: BaselineRules): Obstacle | null {
  const { schema, trouble, rows, exists } = target;
  if (trouble !== null && trouble.code !== 'foreign-history') {
    const { message, hint = '' } = trouble.details;
    return { message, hint };
  }
  // A history that cannot be imported is no obstacle, unless its table has the name of ours.
  const foreign = rules.histories.find(
    (found) => found.schema === schema && found.takenOver === null && readerOf(found.tool) !== null,
  );
  if (foreign !== undefined) {
    const { tool, table } = foreign;
    return {
      message: `it has the history of ${tool} (${table})`,
      hint: 'import it with: sqlmig adopt --history',
    };
  }
  if (trouble !== null) return { message: trouble.message, hint: trouble.details.hint ?? '' };
  if (rows.length > 0) return historyRefusal(target, rules);
  if (rules.before.get(schema) === null)
    return {
      message: 'it has no history of the files of all tenants, which run before those of a scope',
      hint: 'record them first: sqlmig adopt --baseline VERSION',
    };
  if (exists && rules.objects(schema) > 0) return null;
  return emptyRefusal(target);
}

/** A history that covers the version is left unchanged, and so is that of public if tenants are selected. */
function historyRefusal(
  { rows, scope, plan }: Target,
  { covered, version, select }: BaselineRules,
): Obstacle | null {
  if (scope === 'public' && select.kind !== 'public') return null;
  const applied = new Set(rows.filter(({ state }) => state === 'applied').map(historyKey));
  const lacking = covered[scope].filter(
    (file) => file.version !== null && !file.replaces?.length && !applied.has(historyKey(file)),
  );
  if (lacking.length === 0) return null;
  const names = lacking.map(({ file }) => file);
  return {
    message: `it already has a history (at ${plan.version ?? 'no version'}) without ${few(names, 3)}`,
    hint: `apply them with: ${commandLine('up', '--to', version, scope === 'public' ? '--public' : '--all')}`,
  };
}

function emptyRefusal({ schema, scope, exists }: Target): Obstacle {
  const message = exists ? 'it is empty' : 'it does not exist';
  return scope === 'public'
    ? { message, hint: 'create its objects with: sqlmig up --public' }
    : {
        message,
        hint: `exclude it with ${commandLine('--except-tenants', schema).replace(/^sqlmig /, '')}; up creates its objects`,
      };
}

/** A proposal in numbers. */
export function describeBaseline({ target: { schema, scope }, files }: BaselineProposal): ProposedBaseline {
  const versions = files.flatMap(({ version }) => version ?? []);
  return {
    schema,
    scope,
    version: versions.at(-1) ?? null,
    files: files.length,
    repeatables: files.length - versions.length,
  };
}
