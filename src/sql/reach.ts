import type { QualifiedName, Reach, Statement } from './migration.ts';
import type { ParsedStatement } from './parse.ts';

/** Node types of statements that write rows, and so run triggers and the functions in their expressions. */
export const writingKinds: ReadonlySet<string> = new Set([
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
  'CopyStmt',
  'TruncateStmt',
  'CreateTableAsStmt',
  'RefreshMatViewStmt',
]);

// They run code (functions, blocks) or decide what names mean.
const runs: ReadonlySet<string> = new Set([
  'DoStmt',
  'CallStmt',
  'ExecuteStmt',
  'SelectStmt',
  'VariableSetStmt',
  'CreateExtensionStmt',
  'AlterExtensionStmt',
  'CreateSchemaStmt',
  'ImportForeignSchemaStmt',
  'DropOwnedStmt',
  'ReassignOwnedStmt',
]);

/** What a statement can reach. A foreign key's target and a column's type are only read; a grant takes nothing away. */
export function reachOf({ kind, fields }: Pick<ParsedStatement, 'kind' | 'fields'>): Reach {
  const names = new Set<string>();
  const words = new Set<string>();
  const references = new Set<string>();
  const isGrant = kind === 'GrantStmt' && fields.is_grant === true;
  let opaque = writingKinds.has(kind) || runs.has(kind);
  let code = runs.has(kind);
  let temporary = opaque;
  let drops = kind === 'DropStmt';
  const walk = (node: unknown, key: string, read: boolean): void => {
    if (typeof node === 'string') {
      // Dependents are dropped wherever they are.
      if (node === 'DROP_CASCADE') {
        opaque = true;
        code = true;
      }
      if (key === 'subtype' && droppers.has(node)) drops = true;
      if (key === 'relpersistence' && node === 't') temporary = true;
      if (temporarySchema.test(node)) temporary = true;
      if (!read && !isGrant) names.add(node);
      for (const word of wordsOf(node)) words.add(word);
    } else if (Array.isArray(node)) {
      for (const item of node) walk(item, key, read);
    } else if (typeof node === 'object' && node !== null) {
      for (const [field, value] of Object.entries(node)) {
        // A default of a new table is not evaluated; elsewhere a function may do anything.
        if (field === 'FuncCall' && kind !== 'CreateStmt') opaque = true;
        // Values may be many, and no statement that writes rows looks for a schema in them.
        if (field === 'A_Const' && writingKinds.has(kind)) continue;
        if (field === 'pktable')
          for (const { name } of qualifiedName(value as RangeVar)) references.add(name);
        // A column's type is one node; a type that a statement is about is a list of names.
        const isRead = onlyRead.has(field) || (field === 'typeName' && !Array.isArray(value));
        walk(value, field, read || isRead);
      }
    }
  };
  walk(fields, '', false);
  return {
    names,
    words,
    references,
    creates: createdBy(kind, fields),
    drops,
    opaque,
    code,
    temporary,
    privileges: kind === 'GrantStmt' || words.has('grant') || words.has('revoke'),
    moves: kind === 'AlterObjectSchemaStmt' || (words.has('set') && words.has('schema')),
    targets: targetsOf(kind, fields),
  };
}

// NOT NULL is a constraint from PostgreSQL 18 on.
const droppers: ReadonlySet<string> = new Set([
  'AT_DropNotNull',
  'AT_DropColumn',
  'AT_DropConstraint',
  'AT_AlterColumnType',
]);
const onlyRead: ReadonlySet<string> = new Set(['pktable', 'A_Const', 'FuncCall']);
const temporarySchema = /^pg_temp(?:_\d+)?$/i;
const plainWord = /^[\p{L}_][\p{L}\p{N}_$]*$/u;
const wordInText = /"([^"]*(?:""[^"]*)*)"|[\p{L}_][\p{L}\p{N}_$]*/gu;

/** A name itself; the words of a longer text, such as the body of a block, plain and quoted. */
function wordsOf(text: string): string[] {
  if (plainWord.test(text)) return [text];
  const found = [...text.matchAll(wordInText)].flatMap(([word, quoted]) => {
    if (quoted !== undefined) return [quoted.replaceAll('""', '"')];
    // A dollar sign is part of a name, or of the quotes around it.
    const pieces = word.includes('$') ? word.split('$') : [];
    return [word, ...pieces].flatMap((piece) => [piece, piece.toLowerCase()]);
  });
  return [text, ...found];
}

/**
 * True if a statement may change what has one of these names, or something it does not name, or mentions one of these
 * schemas.
 */
export function mayChange(
  reach: Reach,
  of: ReadonlySet<string>,
  schemas: ReadonlySet<string> = new Set(),
): boolean {
  return reach.opaque || mentions(reach, of, schemas);
}

/** True if the text of a statement names one of these objects where it could change it, or one of these schemas. */
export function mentions(
  { names, words }: Reach,
  of: ReadonlySet<string>,
  schemas: ReadonlySet<string>,
): boolean {
  return overlap(names, of) || overlap(words, schemas);
}

/**
 * True if a statement may lock one of these relations, which its transaction then holds to its end, or mentions one of
 * these schemas. For code, which may do anything, any mention counts.
 */
export function mayLock(reach: Reach, names: ReadonlySet<string>, schemas: ReadonlySet<string>): boolean {
  return (
    mentions(reach, names, schemas) ||
    overlap(reach.references, names) ||
    (reach.code && overlap(reach.words, names))
  );
}

/**
 * True if a statement may tie a table to one of these relations, by a foreign key or by inheritance, so that dropping the
 * tie locks both. For code, any mention of them or of these schemas counts.
 */
export function mayTie(
  { kind, reach: { names, words, references, code } }: Statement,
  of: ReadonlySet<string>,
  schemas: ReadonlySet<string>,
): boolean {
  if (kind === 'CreateExtensionStmt') return false;
  if (code) return overlap(words, of) || overlap(words, schemas);
  const isQualified = references.size > 0 && overlap(words, schemas);
  return isQualified || overlap(references, of) || (definesTable.has(kind) && overlap(names, of));
}

/**
 * True if a statement defines code that mentions one of these names or schemas, and so may lock rows there whenever a file
 * fires or calls it.
 */
export function mayLockLater(
  { kind, reach: { words, code } }: Statement,
  of: ReadonlySet<string>,
  schemas: ReadonlySet<string>,
): boolean {
  const defines = definesCode.has(kind) || (code && overlap(words, codeWords));
  return defines && (overlap(words, of) || overlap(words, schemas));
}

/** True if a statement adds a value to an enum, or is code that may. */
export function addsValue({ kind, reach: { code, words } }: Statement): boolean {
  return kind === 'AlterEnumStmt' || (code && words.has('add') && words.has('value'));
}

const definesCode: ReadonlySet<string> = new Set(['CreateFunctionStmt', 'CreateTrigStmt', 'RuleStmt']);
const codeWords: ReadonlySet<string> = new Set(['function', 'procedure', 'trigger', 'rule']);
const definesTable: ReadonlySet<string> = new Set(['CreateStmt', 'AlterTableStmt']);

function overlap(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  const [few, many] = a.size < b.size ? [a, b] : [b, a];
  return [...few].some((item) => many.has(item));
}

/** A relation as the parser names it. */
export interface RangeVar {
  readonly schemaname?: string;
  readonly relname?: string;
}

// Those whose relation they are about; others have it elsewhere, or a list.
const aboutRelation: ReadonlySet<string> = new Set([
  'IndexStmt',
  'AlterTableStmt',
  'ReindexStmt',
  'RenameStmt',
  'CreateTrigStmt',
  'RuleStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
]);

function targetsOf(kind: string, fields: ParsedStatement['fields']): QualifiedName[] {
  if (kind === 'DropStmt') return droppedFrom(fields);
  if (kind === 'AlterEnumStmt') return nameOf(fields.typeName);
  if (kind === 'TruncateStmt' || kind === 'LockStmt') {
    const relations = (fields.relations ?? []) as readonly RelationNode[];
    return relations.flatMap(({ RangeVar: relation }) => qualifiedName(relation));
  }
  if (kind === 'CreatePolicyStmt' || kind === 'AlterPolicyStmt')
    return qualifiedName((fields.table ?? {}) as RangeVar);
  if (kind === 'CreateStmt') return partitionedBy(fields);
  if (!aboutRelation.has(kind)) return [];
  return [...qualifiedName((fields.relation ?? {}) as RangeVar), ...partitionsIn(fields)];
}

interface RelationNode {
  readonly RangeVar?: RangeVar;
}

/** The table of which a new one is a partition. */
function partitionedBy({ partbound, inhRelations }: ParsedStatement['fields']): QualifiedName[] {
  const parents = partbound === undefined ? [] : ((inhRelations ?? []) as readonly RelationNode[]);
  return parents.flatMap(({ RangeVar: parent }) => qualifiedName(parent));
}

interface CommandNode {
  readonly AlterTableCmd?: { readonly def?: { readonly PartitionCmd?: { readonly name?: RangeVar } } };
}

/** The partitions that ALTER TABLE attaches or detaches. */
function partitionsIn({ cmds }: ParsedStatement['fields']): QualifiedName[] {
  return ((cmds ?? []) as readonly CommandNode[]).flatMap(({ AlterTableCmd: command }) =>
    qualifiedName(command?.def?.PartitionCmd?.name),
  );
}

function createdBy(
  kind: string,
  { relation, if_not_exists: ifNotExists }: ParsedStatement['fields'],
): string | null {
  return (kind === 'CreateStmt' && ifNotExists !== true && (relation as RangeVar).relname) || null;
}

/** The name of a relation; none if there is no relation. */
export function qualifiedName({ schemaname, relname }: RangeVar = {}): QualifiedName[] {
  return relname === undefined ? [] : [{ schema: schemaname ?? null, name: relname }];
}

interface NamePart {
  readonly String?: { readonly sval?: string };
}

interface NameList {
  readonly List?: { readonly items?: readonly NamePart[] };
}

/** The names in `DROP TABLE a, s.b` and its like; none for objects that are not named by one list. */
export function droppedNames(objects: unknown): QualifiedName[] {
  if (!Array.isArray(objects)) return [];
  return (objects as NameList[]).flatMap(({ List }) => nameOf(List?.items));
}

/** The names in DROP; for triggers, rules and policies, the names of their tables. */
function droppedFrom({ objects, removeType }: ParsedStatement['fields']): QualifiedName[] {
  if (!isPartOfTable(removeType)) return droppedNames(objects);
  return ((objects ?? []) as NameList[]).flatMap(({ List }) => nameOf(List?.items?.slice(0, -1)));
}

/** Whether DROP names its objects after their tables, as in `ON table`. */
export function isPartOfTable(removeType: unknown): boolean {
  return removeType === 'OBJECT_TRIGGER' || removeType === 'OBJECT_RULE' || removeType === 'OBJECT_POLICY';
}

/** The name that a list of strings spells. */
function nameOf(list: unknown): QualifiedName[] {
  const parts = ((list ?? []) as readonly NamePart[]).map(({ String: part }) => part?.sval ?? '');
  const name = parts.at(-1);
  return name === undefined ? [] : [{ schema: parts.at(-2) ?? null, name }];
}
