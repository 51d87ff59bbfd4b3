import { type LockContext, type LockWarning, relationText } from './lock-warning.ts';
import type { ParsedStatement } from './parse.ts';
import { droppedNames, qualifiedName, type RangeVar } from './reach.ts';
import { hasOption } from './statement-options.ts';

const concurrently = 'use CONCURRENTLY, in a file of its own';

/** What a statement about indexes or materialized views costs without CONCURRENTLY. */
export function indexWarnings({ kind, fields }: ParsedStatement, { earlier }: LockContext): LockWarning[] {
  const relation = fields.relation as (RangeVar & { readonly inh?: boolean }) | undefined;
  const [named] = qualifiedName(relation);
  const shown = named === undefined ? 'all tables' : relationText(named);
  const isOnline = fields.concurrent === true;
  switch (kind) {
    case 'IndexStmt': {
      // ON ONLY builds nothing: each partition gets its index by itself.
      if (isOnline || relation?.inh !== true || earlier.created(named)) return [];
      return [
        [
          'create-index',
          `CREATE INDEX on ${shown} blocks writes to it until the index is built; ${concurrently}`,
        ],
      ];
    }
    case 'DropStmt': {
      if (fields.removeType !== 'OBJECT_INDEX' || isOnline) return [];
      const indexes = droppedNames(fields.objects).filter((index) => !earlier.created(index));
      return indexes.map((index) => [
        'drop-index',
        `DROP INDEX ${relationText(index)} waits for all transactions that use its table, and blocks new ones while it waits; ${concurrently}`,
      ]);
    }
    case 'ReindexStmt': {
      if (hasOption(fields.params, 'concurrently') || earlier.created(named)) return [];
      return [['reindex', `REINDEX blocks writes until the indexes of ${shown} are built; ${concurrently}`]];
    }
    case 'RefreshMatViewStmt': {
      if (isOnline || fields.skipData === true || earlier.created(named)) return [];
      return [
        [
          'refresh',
          `REFRESH blocks all reads of ${shown} until it is filled; use CONCURRENTLY, which needs a unique index`,
        ],
      ];
    }
    default:
      return [];
  }
}
