import type { QualifiedName } from './migration.ts';
import { type ParsedStatement, tokensOf } from './parse.ts';
import { byteIndexes } from './position.ts';
import { droppedNames, qualifiedName, type RangeVar } from './reach.ts';
import { hasOption } from './statement-options.ts';

/** What one of the CONCURRENTLY statements is about: it commits as it goes, and what an interrupted one leaves is known. */
export type OnlineChange =
  | {
      readonly kind: 'create-index';
      readonly table: QualifiedName;
      /** `null` if PostgreSQL chooses the name. */
      readonly name: string | null;
      readonly ifNotExists: boolean;
    }
  | { readonly kind: 'drop-index'; readonly index: QualifiedName }
  | { readonly kind: 'reindex-index' | 'reindex-table'; readonly relation: QualifiedName }
  | { readonly kind: 'reindex-schema'; readonly schema: string }
  | { readonly kind: 'detach'; readonly table: QualifiedName; readonly partition: QualifiedName };

/** What a statement does CONCURRENTLY; `null` for every other statement, and for REINDEX of a whole database. */
export function onlineChangeOf({ kind, fields }: ParsedStatement): OnlineChange | null {
  const [relation] = qualifiedName(fields.relation as RangeVar | undefined);
  switch (kind) {
    case 'IndexStmt': {
      if (fields.concurrent !== true || relation === undefined) return null;
      const name = typeof fields.idxname === 'string' ? fields.idxname : null;
      return { kind: 'create-index', table: relation, name, ifNotExists: fields.if_not_exists === true };
    }
    case 'DropStmt': {
      const [index] = droppedNames(fields.objects);
      return fields.concurrent === true && index !== undefined ? { kind: 'drop-index', index } : null;
    }
    case 'ReindexStmt':
      return hasOption(fields.params, 'concurrently') ? reindexOf(fields, relation) : null;
    case 'AlterTableStmt':
      return relation === undefined ? null : detachOf(fields.cmds, relation);
    default:
      return null;
  }
}

/** True for a statement that can run again after an interruption. */
export function repeats({ kind, fields }: ParsedStatement): boolean {
  const isPlainReindex = kind === 'ReindexStmt' && !hasOption(fields.params, 'concurrently');
  return kind === 'VacuumStmt' || kind === 'ClusterStmt' || isPlainReindex;
}

/**
 * The text of a CREATE INDEX CONCURRENTLY that makes the same index on another table, without CONCURRENTLY and IF NOT
 * EXISTS. `index` and `table` are SQL.
 */
export async function indexOnCopy(
  text: string,
  { fields }: ParsedStatement,
  { index, table }: { readonly index: string; readonly table: string },
): Promise<string> {
  const relation = fields.relation as RangeVar & {
    readonly catalogname?: string;
    readonly location?: number;
  };
  const tokens = await tokensOf(text);
  const is = (word: string) => (token: { text: string }) => token.text.toLowerCase() === word;
  const concurrently = tokens.findIndex(is('concurrently'));
  const on = tokens.findIndex((token, i) => i > concurrently && is('on')(token));
  const at = byteIndexes(text)(relation.location ?? 0);
  const name = tokens.findIndex((token) => token.index >= at);
  const parts = [relation.catalogname, relation.schemaname, relation.relname].filter(
    (part) => part !== undefined,
  );
  // With a dot between any two of them.
  const last = tokens[name + 2 * (parts.length - 1)];
  const [from, to, start] = [tokens[concurrently], tokens[on], tokens[name]];
  if (from === undefined || to === undefined || start === undefined || last === undefined) {
    throw new RangeError('not the text of a CREATE INDEX CONCURRENTLY');
  }
  return `${text.slice(0, from.index)}${index} ${text.slice(to.index, start.index)}${table}${text.slice(last.end)}`;
}

function reindexOf(
  fields: ParsedStatement['fields'],
  relation: QualifiedName | undefined,
): OnlineChange | null {
  if (fields.kind === 'REINDEX_OBJECT_SCHEMA' && typeof fields.name === 'string') {
    return { kind: 'reindex-schema', schema: fields.name };
  }
  if (relation === undefined) return null;
  if (fields.kind === 'REINDEX_OBJECT_INDEX') return { kind: 'reindex-index', relation };
  return fields.kind === 'REINDEX_OBJECT_TABLE' ? { kind: 'reindex-table', relation } : null;
}

interface Detach {
  readonly AlterTableCmd?: {
    readonly subtype?: string;
    readonly def?: { readonly PartitionCmd?: { readonly name?: RangeVar; readonly concurrent?: boolean } };
  };
}

function detachOf(cmds: unknown, table: QualifiedName): OnlineChange | null {
  const [cmd] = (Array.isArray(cmds) ? cmds : []) as Detach[];
  const { name, concurrent } = cmd?.AlterTableCmd?.def?.PartitionCmd ?? {};
  const [partition] = qualifiedName(name);
  return concurrent === true && partition !== undefined ? { kind: 'detach', table, partition } : null;
}
