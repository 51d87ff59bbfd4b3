import type { AlterCommand } from './alter-table.ts';
import { type LockContext, type LockWarning, relationText } from './lock-warning.ts';
import type { QualifiedName } from './migration.ts';
import type { ParsedStatement } from './parse.ts';
import { droppedNames, qualifiedName, type RangeVar } from './reach.ts';
import { hasOption } from './statement-options.ts';

/** What a statement about whole tables costs. */
export function tableWarnings({ kind, fields }: ParsedStatement, { earlier }: LockContext): LockWarning[] {
  const [named] = qualifiedName(fields.relation as RangeVar | undefined);
  switch (kind) {
    case 'LockStmt':
      return locked(fields.relations, Number(fields.mode))
        .filter((table) => !earlier.created(table))
        .map((table) => [
          'lock-table',
          `LOCK TABLE blocks writes to ${relationText(table)} until the transaction ends; lock rows, or use a weaker mode`,
        ]);
    case 'ClusterStmt':
      return earlier.created(named) ? [] : [rewrite('CLUSTER', named, 'use pg_repack')];
    case 'VacuumStmt': {
      if (!hasOption(fields.options, 'full')) return [];
      const [{ VacuumRelation: first } = {}] = (fields.rels ?? []) as readonly {
        readonly VacuumRelation?: { readonly relation?: RangeVar };
      }[];
      return [rewrite('VACUUM FULL', qualifiedName(first?.relation)[0], 'use VACUUM, or pg_repack')];
    }
    case 'RenameStmt':
      return named === undefined || earlier.created(named) ? [] : renamed(named, fields);
    case 'DropStmt': {
      const tables = fields.removeType === 'OBJECT_TABLE' ? droppedNames(fields.objects) : [];
      return tables
        .filter((table) => !earlier.created(table))
        .map((table) => [
          'drop-table',
          `DROP TABLE breaks a running release that still uses ${relationText(table)}; drop it after a release that does not`,
        ]);
    }
    default:
      return [];
  }
}

/** What a command of ALTER TABLE that is about the whole table, or a partition of it, costs. */
export function storageWarnings(
  table: QualifiedName,
  { subtype = '', def }: AlterCommand,
  { earlier }: LockContext,
): LockWarning[] {
  const { name, concurrent = false } = def?.PartitionCmd ?? {};
  const [partition] = qualifiedName(name);
  const shown = partition === undefined ? '' : relationText(partition);
  if (subtype === 'AT_AttachPartition') {
    if (earlier.created(partition) || earlier.hasCheck(partition)) return [];
    const message = `ATTACH PARTITION reads all of ${shown} while blocking its reads and writes, unless a CHECK proves its bounds; add one as NOT VALID and VALIDATE it before`;
    return [['attach-partition', message]];
  }
  if (subtype === 'AT_DetachPartition') {
    const message = `DETACH PARTITION ${shown} blocks reads and writes of ${relationText(table)} until its transaction ends; use CONCURRENTLY, in a file of its own`;
    return concurrent ? [] : [['detach-partition', message]];
  }
  const what = rewritten[subtype];
  return what === undefined ? [] : [rewrite(what, table, 'do it while the table is small or not in use')];
}

const rewritten: Readonly<Record<string, string>> = {
  AT_SetTableSpace: 'SET TABLESPACE',
  AT_SetLogged: 'SET LOGGED',
  AT_SetUnLogged: 'SET UNLOGGED',
  AT_SetAccessMethod: 'SET ACCESS METHOD',
};

function rewrite(what: string, table: QualifiedName | undefined, instead: string): LockWarning {
  const shown = table === undefined ? 'all tables' : relationText(table);
  return ['table-rewrite', `${what} rewrites ${shown} while blocking reads and writes; ${instead}`];
}

// ShareLock (lockdefs.h), the weakest mode that conflicts with writes.
const blockingMode = 5;

function locked(relations: unknown, mode: number): QualifiedName[] {
  if (mode < blockingMode) return [];
  return ((relations ?? []) as readonly { readonly RangeVar?: RangeVar }[]).flatMap(
    ({ RangeVar: relation }) => qualifiedName(relation),
  );
}

function renamed(
  table: QualifiedName,
  { renameType, relationType, subname, newname }: ParsedStatement['fields'],
): LockWarning[] {
  const shown = relationText(table);
  if (renameType === 'OBJECT_TABLE') {
    const message = `RENAME breaks a running release that uses ${shown}; create a view named ${shown} on ${newname} in the same file, and drop it later`;
    return [['rename-table', message]];
  }
  if (renameType !== 'OBJECT_COLUMN' || relationType !== 'OBJECT_TABLE') return [];
  const message = `RENAME COLUMN breaks a running release that uses ${shown}.${subname}; add ${newname}, write both, and drop ${subname} later`;
  return [['rename-column', message]];
}
