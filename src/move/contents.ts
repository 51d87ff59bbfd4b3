import type { ForeignHistoryFound, Obstacle } from '../adopt/foreign-histories.ts';
import { takenOverTrigger } from '../history/foreign-tables.ts';
import { runLogName } from '../history/run-log.ts';
import type { Config } from '../project/config.ts';
import type { Scope } from '../results.ts';
import { isServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import { commandLine } from '../text/command-line.ts';
import { type Division, divide } from './kept.ts';
import { madeOnlyBy, notesOf, standingObstacles, survey } from './survey.ts';

/** How many objects of a kind move, and how many stay. */
export interface KindCount {
  readonly kind: string;
  readonly moves: number;
  readonly stays: number;
}

/** Counts a division by kind. */
export function countKinds({ moved, kept }: Division): KindCount[] {
  const counts = new Map<string, { moves: number; stays: number }>();
  const countOf = (kind: string) => {
    const count = counts.get(kind) ?? { moves: 0, stays: 0 };
    counts.set(kind, count);
    return count;
  };
  for (const { kind } of moved) countOf(kind).moves += 1;
  for (const { item } of kept) countOf(item.kind).stays += 1;
  return [...counts].map(([kind, count]) => ({ kind, ...count }));
}

/** The names in public that belong to the histories of migration tools, which stay there. */
export function historyTablesOf(
  histories: readonly ForeignHistoryFound[],
  { publicSchema, historyTable }: Pick<Config, 'publicSchema' | 'historyTable'>,
): ReadonlySet<string> {
  const inPublic = histories.filter(({ found }) => found.schema === publicSchema);
  const tables = inPublic.flatMap(({ found: { table, tool, companions } }) => [
    table,
    ...companions.filter(
      (name) =>
        companionTables.includes(name) ||
        (name === 'current' && tool === 'graphile-migrate') ||
        name === `${table}_lock` ||
        name === `${table}lock`,
    ),
  ]);
  return new Set([historyTable, runLogName(historyTable), takenOverTrigger, ...tables]);
}

// Tables that tools keep beside their history.
const companionTables: readonly string[] = ['ar_internal_metadata', 'hdb_version', 'typeorm_metadata'];

/** The objects in public that could become a tenant. */
export interface PublicContents {
  readonly schema: string;
  readonly counts: readonly KindCount[];
  /** Objects that only public files create, which would stay. */
  readonly keep: readonly string[];
  readonly obstacles: readonly Obstacle[];
  readonly notes: readonly string[];
  /** The command that moves it. */
  readonly command: string;
}

/** The input of `readPublicContents`. */
export interface ContentsRequest {
  readonly config: Pick<Config, 'publicSchema' | 'historyTable'>;
  readonly histories: readonly ForeignHistoryFound[];
  readonly files: Readonly<Record<Scope, readonly { readonly text: string }[]>>;
  /** The folder of the other tool's files, if it was given. */
  readonly originals: string | undefined;
}

/** The move imports another tool's history. */
function importsHistory(
  histories: readonly ForeignHistoryFound[],
  { publicSchema }: Pick<Config, 'publicSchema'>,
): boolean {
  return histories.some(({ found }) => found.schema === publicSchema && found.takenOver === null);
}

/** Reads the objects in public that its files do not create; `null` if there are no tables. */
export async function readPublicContents(
  session: Session,
  { config, histories, files, originals }: ContentsRequest,
): Promise<PublicContents | null> {
  const wish = {
    schema: config.publicSchema,
    as: 'NAME',
    keep: [],
    rewriteFunctions: true,
    acceptReplication: false,
  };
  const tables = historyTablesOf(histories, config);
  try {
    const found = await survey(session, wish, tables);
    const isMadeOnly = madeOnlyBy(files);
    const keep = found.division.moved.filter((item) => isMadeOnly('public', item)).map(({ name }) => name);
    const division = divide(found.inventory, keep, tables);
    if (!division.moved.some(({ kind }) => kind === 'table')) return null;
    const rest = { ...found, division };
    const names = keep.map((name) => name.replaceAll(',', '\\,')).join(',');
    const flags = [
      ...(keep.length === 0 ? [] : ['--keep', names]),
      ...(found.mentions.rewrites.length === 0 ? [] : ['--rewrite-functions']),
      ...(originals === undefined || !importsHistory(histories, config) ? [] : ['--files', originals]),
    ];
    return {
      schema: wish.schema,
      counts: countKinds(division),
      keep,
      obstacles: standingObstacles(rest),
      notes: notesOf(rest),
      command: commandLine('adopt', '--public-as', wish.as, ...flags),
    };
  } catch (error) {
    if (!isServerError(error)) throw error;
    const obstacle = {
      message: `it cannot be read: ${error.message}`,
      hint: 'run it again when no table is locked',
    };
    return {
      schema: wish.schema,
      counts: [],
      keep: [],
      obstacles: [obstacle],
      notes: [],
      command: 'sqlmig adopt',
    };
  }
}
