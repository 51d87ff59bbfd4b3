import { SqlmigError } from '../errors.ts';
import type { ParsedStatement } from '../sql/parse.ts';
import { droppedNames, type RangeVar, reachOf } from '../sql/reach.ts';
import { closest } from '../text/closest.ts';
import {
  type CreatedObjects,
  type NameKind,
  nameInList,
  type ParsedText,
  tableOf,
} from './created-objects.ts';
import { subjectsOf } from './subjects.ts';

/** The objects that stay in public: the named tables, and the objects that they need. */
export interface KeptObjects {
  readonly has: (name: string, kind?: NameKind) => boolean;
  /** True for a former name of a kept object that was renamed or dropped later. */
  readonly isGone: (name: string) => boolean;
}

/** Nothing is kept. */
export const nothingKept: KeptObjects = { has: () => false, isGone: () => false };

/**
 * Finds the objects that kept tables need: their indexes, sequences and types, and the functions of their triggers.
 * @throws SqlmigError `bad-usage` for a table that the files do not create.
 */
export function keptObjects(
  tables: readonly string[],
  texts: readonly ParsedText[],
  created: CreatedObjects,
): KeptObjects {
  if (tables.length === 0) return nothingKept;
  for (const table of tables) if (!created.has(table, 'relation')) throw notCreated(table, created);
  const kept = new Set(tables);
  const statements = texts.flatMap((text) => text.statements);
  for (let before = 0; before < kept.size; ) {
    before = kept.size;
    for (const [old, renamed] of created.renamed) {
      if (kept.has(old)) kept.add(renamed);
      if (kept.has(renamed)) kept.add(old);
    }
    for (const statement of statements) for (const name of neededBy(statement, kept, created)) kept.add(name);
  }
  const has = (name: string, kind: NameKind = 'any') => {
    if (kept.has(name)) return true;
    // An index or sequence that has its name from a table.
    if (kind === 'type' || kind === 'function' || created.relations.has(name)) return false;
    const table = tableOf(name, created.relations);
    return table !== null && kept.has(table) && created.has(name, 'relation');
  };
  const gone = new Set([
    ...created.renamed.map(([old]) => old),
    ...statements.flatMap(({ kind, fields }) =>
      kind === 'DropStmt' ? droppedNames(fields.objects).map(({ name }) => name) : [],
    ),
  ]);
  return { has, isGone: (name) => gone.has(name) && kept.has(name) };
}

function notCreated(table: string, created: CreatedObjects): SqlmigError {
  const meant = closest(table, [...created.relations]);
  return new SqlmigError('bad-usage', `the files create no table "${table}" to keep`, {
    hint: meant === null ? 'names are case-sensitive, as in the database' : `did you mean ${meant}?`,
  });
}

function neededBy(statement: ParsedStatement, kept: ReadonlySet<string>, created: CreatedObjects): string[] {
  const { kind, fields } = statement;
  if (kind === 'AlterSeqStmt' || kind === 'CreateSeqStmt') {
    const owner = ownerOf(fields.options);
    const { relname = '' } = (fields.sequence ?? {}) as RangeVar;
    return owner !== null && kept.has(owner) ? [relname] : [];
  }
  const subject = (fields.relation ?? (fields.base as { relation?: RangeVar } | undefined)?.relation) as
    | RangeVar
    | undefined;
  if (subject?.relname === undefined || !kept.has(subject.relname)) return [];
  const index = kind === 'IndexStmt' && typeof fields.idxname === 'string' ? [fields.idxname] : [];
  const triggerFunction = kind === 'CreateTrigStmt' ? nameInList(fields.funcname) : null;
  const isDefinition = kind === 'CreateStmt' || kind === 'AlterTableStmt';
  return [
    ...index,
    ...(triggerFunction === null ? [] : [triggerFunction.name]),
    ...(isDefinition ? usedIn(fields, created) : []),
  ];
}

function ownerOf(options: unknown): string | null {
  for (const { DefElem } of (options ?? []) as {
    DefElem?: { defname?: string; arg?: { List?: { items?: unknown } } };
  }[]) {
    if (DefElem?.defname !== 'owned_by') continue;
    const parts = (DefElem.arg?.List?.items ?? []) as { String?: { sval?: string } }[];
    return parts.at(-2)?.String?.sval ?? null;
  }
  return null;
}

/** The types, functions and constraint indexes in the definition of a table that the files create. */
function usedIn(node: unknown, created: CreatedObjects): string[] {
  if (Array.isArray(node)) return node.flatMap((item) => usedIn(item, created));
  if (typeof node !== 'object' || node === null) return [];
  const { names, typemod, funcname, conname } = node as Record<string, unknown>;
  const type = typemod === undefined ? null : nameInList(names);
  const called = nameInList(funcname);
  return [
    ...(type !== null && created.types.has(type.name) ? [type.name] : []),
    ...(called !== null && created.others.has(called.name) ? [called.name] : []),
    ...(typeof conname === 'string' && created.relations.has(conname) ? [conname] : []),
    ...Object.values(node).flatMap((value) => usedIn(value, created)),
  ];
}

/** Which files a statement goes to. */
export type Placement = 'public' | 'tenant' | 'either';

/**
 * Why a statement needs a decision: it changes kept tables and others, or it uses a former name of a kept object, which no
 * longer exists once the public files have run.
 */
export type PlacementProblem = 'mixed' | 'gone';

/** The files that a statement is written to. */
export interface Placed {
  readonly place: Placement;
  readonly problem: PlacementProblem | null;
}

/** Places a statement: in public if it changes only kept objects, otherwise in the tenants. */
export function placementOf(statement: ParsedStatement, kept: KeptObjects, created: CreatedObjects): Placed {
  const { kind, fields } = statement;
  if (kind === 'TransactionStmt' || (kind === 'VariableSetStmt' && fields.name !== 'search_path'))
    return { place: 'either', problem: null };
  const subjects = subjectsOf(statement);
  const mentioned = runsCode.has(kind) ? [...reachOf(statement).words] : relationsIn(fields);
  const isAboutOthers = mentioned.some((name) => created.relations.has(name) && !kept.has(name));
  const areKept = subjects.filter(({ name }) => kept.has(name)).length;
  const changesKept =
    subjects.length > 0 ? areKept > 0 : mentioned.some((name) => kept.has(name, 'relation'));
  if (!changesKept) return { place: 'tenant', problem: mentioned.some(kept.isGone) ? 'gone' : null };
  const isMixed = areKept < subjects.length || isAboutOthers;
  return { place: isMixed ? 'tenant' : 'public', problem: isMixed ? 'mixed' : null };
}

// Their code and strings may also name tables.
const runsCode: ReadonlySet<string> = new Set(['DoStmt', 'CreateFunctionStmt', 'SelectStmt', 'CallStmt']);

function relationsIn(node: unknown): string[] {
  if (Array.isArray(node)) return node.flatMap(relationsIn);
  if (typeof node !== 'object' || node === null) return [];
  const { relname } = node as RangeVar;
  return [...(relname === undefined ? [] : [relname]), ...Object.values(node).flatMap(relationsIn)];
}
