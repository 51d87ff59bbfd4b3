import { namesMadeBy } from '../sql/made-names.ts';
import type { ParsedStatement } from '../sql/parse.ts';
import { droppedNames, type RangeVar } from '../sql/reach.ts';

/** What a name refers to in its place; `any` if the grammar does not show it. */
export type NameKind = 'relation' | 'type' | 'function' | 'any';

/** A file's statements with the text that they were parsed from. */
export interface ParsedText {
  readonly text: string;
  readonly statements: readonly ParsedStatement[];
}

/** The objects that files create in one schema. */
export interface CreatedObjects {
  readonly relations: ReadonlySet<string>;
  readonly types: ReadonlySet<string>;
  /** Functions, and other objects whose names are used in the same way. */
  readonly others: ReadonlySet<string>;
  /** Pairs of an object's names before and after it was renamed. */
  readonly renamed: readonly (readonly [before: string, after: string])[];
  /** Whether the files create an object of this name and kind, directly or with a table. */
  readonly has: (name: string, kind: NameKind) => boolean;
}

/** An object as statements name it. */
export interface NamedObject {
  readonly schema: string | null;
  readonly name: string;
}

interface Creation {
  readonly kind: Exclude<NameKind, 'any'>;
  readonly of: (fields: ParsedStatement['fields']) => NamedObject | null;
}

const relationIn = (relation: unknown): NamedObject | null => {
  const { schemaname, relname } = (relation ?? {}) as RangeVar;
  return relname === undefined ? null : { schema: schemaname ?? null, name: relname };
};
/** The name in a list of strings. */
export function nameInList(list: unknown): NamedObject | null {
  return Array.isArray(list) ? (droppedNames([{ List: { items: list } }])[0] ?? null) : null;
}
const inList =
  (field: string): Creation['of'] =>
  (fields) =>
    Array.isArray(fields[field]) ? nameInList(fields[field]) : null;
const at =
  (...path: readonly string[]): Creation['of'] =>
  (fields) =>
    relationIn(
      path.reduce<unknown>((node, field) => (node as Record<string, unknown> | undefined)?.[field], fields),
    );

const creations: Readonly<Record<string, Creation>> = {
  CreateStmt: { kind: 'relation', of: at('relation') },
  CreateForeignTableStmt: { kind: 'relation', of: at('base', 'relation') },
  CreateTableAsStmt: { kind: 'relation', of: at('into', 'rel') },
  ViewStmt: { kind: 'relation', of: at('view') },
  CreateSeqStmt: { kind: 'relation', of: at('sequence') },
  IndexStmt: {
    kind: 'relation',
    of: (fields) => {
      const table = relationIn(fields.relation);
      return typeof fields.idxname === 'string'
        ? { schema: table?.schema ?? null, name: fields.idxname }
        : null;
    },
  },
  CompositeTypeStmt: { kind: 'type', of: at('typevar') },
  CreateEnumStmt: { kind: 'type', of: inList('typeName') },
  CreateRangeStmt: { kind: 'type', of: inList('typeName') },
  CreateDomainStmt: { kind: 'type', of: inList('domainname') },
  DefineStmt: { kind: 'function', of: inList('defnames') },
  CreateFunctionStmt: { kind: 'function', of: inList('funcname') },
  CreateStatsStmt: { kind: 'function', of: inList('defnames') },
  CreateOpClassStmt: { kind: 'function', of: inList('opclassname') },
  CreateOpFamilyStmt: { kind: 'function', of: inList('opfamilyname') },
};

/** The object that a statement creates; `null` if it creates none with a name. */
export function createdBy({
  kind,
  fields,
}: ParsedStatement): (NamedObject & { readonly kind: NameKind }) | null {
  const creation = creations[kind];
  const created = creation?.of(fields) ?? null;
  return creation === undefined || created === null ? null : { ...created, kind: creation.kind };
}

/** The objects that files create in `schema`, or without naming a schema. */
export function createdObjects(texts: readonly ParsedText[], schema: string): CreatedObjects {
  const sets = { relation: new Set<string>(), type: new Set<string>(), function: new Set<string>() };
  const renamed: (readonly [string, string])[] = [];
  const inBlocks = new Set<string>();
  for (const { text, statements } of texts) {
    for (const statement of statements) {
      const created = createdBy(statement);
      if (created !== null && created.kind !== 'any' && (created.schema ?? schema) === schema) {
        sets[created.kind].add(created.name);
        // DefineStmt also creates types, text search objects and aggregates.
        if (statement.kind === 'DefineStmt') sets.type.add(created.name);
      }
      const pair = renaming(statement, schema);
      if (pair !== null) {
        renamed.push(pair);
        inBlocks.add(pair[1]);
      }
      for (const index of constraintNames(statement.fields)) sets.relation.add(index);
      if (statement.kind === 'DoStmt')
        for (const name of namesMadeBy(text.slice(statement.start, statement.end))) inBlocks.add(name);
    }
  }
  const has = (name: string, kind: NameKind) => {
    if (inBlocks.has(name)) return true;
    const isRelation = sets.relation.has(name) || (kind !== 'function' && isOfTable(name, sets.relation));
    // A composite type is created and named like a relation.
    if (kind === 'relation') return isRelation || sets.type.has(name);
    if (kind === 'function') return sets.function.has(name);
    return isRelation || sets.type.has(name) || (kind === 'any' && sets.function.has(name));
  };
  return { relations: sets.relation, types: sets.type, others: sets.function, renamed, has };
}

const namedLikeThis: ReadonlySet<unknown> = new Set([
  'OBJECT_TABLE',
  'OBJECT_VIEW',
  'OBJECT_MATVIEW',
  'OBJECT_SEQUENCE',
  'OBJECT_INDEX',
  'OBJECT_FOREIGN_TABLE',
  'OBJECT_TYPE',
  'OBJECT_DOMAIN',
  'OBJECT_FUNCTION',
  'OBJECT_PROCEDURE',
  'OBJECT_AGGREGATE',
]);

function renaming({ kind, fields }: ParsedStatement, schema: string): readonly [string, string] | null {
  if (kind !== 'RenameStmt' || !namedLikeThis.has(fields.renameType)) return null;
  const before = relationIn(fields.relation) ?? objectName(fields.object);
  if (before === null || (before.schema ?? schema) !== schema) return null;
  return [before.name, String(fields.newname)];
}

/** The name of an object of any kind in `ALTER`, `DROP` or `COMMENT`. */
export function objectName(object: unknown): NamedObject | null {
  const { List, ObjectWithArgs, TypeName } = (object ?? {}) as {
    readonly List?: { readonly items?: unknown };
    readonly ObjectWithArgs?: { readonly objname?: unknown };
    readonly TypeName?: { readonly names?: unknown };
  };
  const list = List?.items ?? ObjectWithArgs?.objname ?? TypeName?.names;
  return list === undefined ? null : nameInList(list);
}

// The index behind a constraint has its name.
function constraintNames(node: unknown): string[] {
  if (Array.isArray(node)) return node.flatMap(constraintNames);
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node).flatMap(([field, value]) => {
    if (field !== 'Constraint')
      return field === 'tableElts' || field === 'cmds' || nested.has(field) ? constraintNames(value) : [];
    const { contype, conname } = value as { readonly contype?: string; readonly conname?: string };
    return conname !== undefined && /_(?:PRIMARY|UNIQUE|EXCLUSION)$/.test(contype ?? '') ? [conname] : [];
  });
}

const nested: ReadonlySet<string> = new Set(['AlterTableCmd', 'def', 'ColumnDef', 'constraints', 'base']);

const ofTable = /_(?:pkey|key|idx|seq|excl|fkey|check)\d*$/;

/** True for a name that PostgreSQL itself gives to an index or sequence of a table. */
function isOfTable(name: string, tables: ReadonlySet<string>): boolean {
  return ofTable.test(name) && tableOf(name, tables) !== null;
}

/** The table whose index or sequence has such a name: the longest match, since one name may begin with another. */
export function tableOf(name: string, tables: ReadonlySet<string>): string | null {
  for (let end = name.lastIndexOf('_'); end > 0; end = name.lastIndexOf('_', end - 1)) {
    const table = name.slice(0, end);
    if (tables.has(table)) return table;
  }
  return null;
}
