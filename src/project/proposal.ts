import { likeLiteral, quoteLiteral } from '../sql/quote.ts';

/** How a new project knows its tenants; `history`: by their history tables, as `tenant create` makes them. */
export type TenantChoice =
  | { readonly kind: 'history' }
  | { readonly kind: 'query'; readonly query: string }
  | { readonly kind: 'pattern'; readonly pattern: string }
  | { readonly kind: 'list'; readonly list: readonly string[] };

/** Schemas that have tables of the same names. */
export interface SchemaGroup {
  readonly tables: readonly string[];
  readonly schemas: readonly string[];
}

/** A text column of a table in the public schema some of whose values are names of schemas. */
export interface NameColumn {
  readonly table: string;
  readonly column: string;
  /** The same as SQL, quoted if necessary. */
  readonly tableSql: string;
  readonly columnSql: string;
  /** How many different values it has, as far as it was read. */
  readonly values: number;
  readonly hasNulls: boolean;
  /** The values that are names of schemas. */
  readonly schemas: readonly string[];
}

/** History tables of one tool. */
export interface ToolHistory {
  readonly tool: string;
  readonly table: string;
  readonly schemas: readonly string[];
}

/** What is in a database that a new project is for. */
export interface DatabaseFacts {
  /** All schemas but PostgreSQL's own. */
  readonly groups: readonly SchemaGroup[];
  /** The likeliest first. */
  readonly columns: readonly NameColumn[];
  /** Histories of other tools. */
  readonly histories: readonly ToolHistory[];
  /** Schemas with a history of sqlmig. */
  readonly own: readonly string[];
}

/** The proposed project for a database, and the reasons. */
export interface Proposal {
  readonly tenants: TenantChoice;
  /** A name for the history tables if another tool uses the default one. */
  readonly historyTable: string | null;
  /** Schemas that look like tenants, since their tables are the same. */
  readonly alike: SchemaGroup | null;
  /** Other schemas with the same tool's history and similar tables: tenants at other versions. */
  readonly similar: readonly string[];
  /** The column that `tenants` reads. */
  readonly column: NameColumn | null;
  /** Schemas that `tenants` takes for tenants although they do not look like the others. */
  readonly odd: readonly string[];
  /** The command that comes next. */
  readonly next: 'status' | 'plan' | 'new';
}

/** What a new project should look like whose files go to this database. */
export function propose(
  facts: DatabaseFacts,
  names: { readonly publicSchema: string; readonly historyTable: string },
): Proposal {
  const groups = facts.groups.map(({ tables, schemas }) => ({
    tables,
    schemas: schemas.filter((schema) => schema !== names.publicSchema),
  }));
  const alike = largest(groups);
  const similar = similarTo(alike, groups, facts.histories);
  const likely = [...(alike?.schemas ?? []), ...similar].sort();
  const columns = facts.columns.map((column) => withoutPublic(column, names.publicSchema));
  const column = best(columns, likely);
  const ours = facts.own.some((schema) => schema !== names.publicSchema);
  const all = groups.flatMap(({ schemas }) => schemas);
  const pattern = likely.length === 0 ? null : patternOf(likely, all);
  const taken = facts.own.length === 0 && facts.histories.some(({ table }) => table === names.historyTable);
  const tenants =
    column !== null
      ? ({ kind: 'query', query: queryOf(column, names.publicSchema) } as const)
      : ours || likely.length === 0
        ? ({ kind: 'history' } as const)
        : choiceOf(likely, pattern);
  return {
    tenants,
    historyTable: taken ? 'sqlmig_migrations' : null,
    alike,
    similar,
    column,
    odd: tenants.kind === 'pattern' ? (pattern?.odd ?? []) : [],
    next:
      facts.own.length > 0 ? 'status' : facts.groups.some(({ tables }) => tables.length > 0) ? 'plan' : 'new',
  };
}

function choiceOf(schemas: readonly string[], pattern: Prefix | null): TenantChoice {
  return pattern === null
    ? { kind: 'list', list: schemas }
    : { kind: 'pattern', pattern: `${likeLiteral(pattern.prefix)}%` };
}

/** The largest group of at least two schemas that have tables. */
function largest(groups: readonly SchemaGroup[]): SchemaGroup | null {
  const [first] = groups
    .filter(({ tables, schemas }) => tables.length > 0 && schemas.length > 1)
    .sort((a, b) => b.schemas.length - a.schemas.length || b.tables.length - a.tables.length);
  return first ?? null;
}

/**
 * Schemas that a tool has migrated to another version than those that are alike; if none are alike, at least two that it
 * has migrated to different versions.
 */
function similarTo(
  alike: SchemaGroup | null,
  groups: readonly SchemaGroup[],
  histories: readonly ToolHistory[],
): readonly string[] {
  const found = histories.map(({ table, schemas }): readonly string[] => {
    const own = new Set(schemas);
    const migrated = groups.filter(
      (group) => group.tables.length > 1 && group.schemas.some((s) => own.has(s)),
    );
    const norm = alike ?? migrated.reduce(wider, undefined);
    if (norm === undefined || !norm.tables.includes(table)) return [];
    return migrated
      .filter((group) => group !== alike && haveMostInCommon(group.tables, norm.tables))
      .flatMap((group) => group.schemas.filter((schema) => own.has(schema)));
  });
  const most = found.reduce((a, b) => (b.length > a.length ? b : a), []);
  return alike === null && most.length < 2 ? [] : [...most].sort();
}

function wider(one: SchemaGroup | undefined, other: SchemaGroup): SchemaGroup {
  return one !== undefined && one.tables.length >= other.tables.length ? one : other;
}

function haveMostInCommon(some: readonly string[], others: readonly string[]): boolean {
  const names = new Set(others);
  return 2 * some.filter((name) => names.has(name)).length > Math.max(some.length, others.length);
}

interface Candidate extends NameColumn {
  /** Public is among its values, and is no tenant. */
  readonly hasPublic: boolean;
}

function withoutPublic(column: NameColumn, publicSchema: string): Candidate {
  const hasPublic = column.schemas.includes(publicSchema);
  return {
    ...column,
    hasPublic,
    values: column.values - (hasPublic ? 1 : 0),
    schemas: column.schemas.filter((schema) => schema !== publicSchema),
  };
}

/** The column that names most tenants: at least half of its values are schemas, and half of `alike` among them. */
function best(columns: readonly Candidate[], alike: readonly string[]): Candidate | null {
  const like = new Set(alike);
  const scored = columns.map((column) => {
    const hits =
      alike.length === 0 ? column.schemas.length : column.schemas.filter((s) => like.has(s)).length;
    return { column, hits, others: column.values - column.schemas.length };
  });
  const [first] = scored
    .filter(
      ({ hits, others, column }) => hits > 0 && others <= column.schemas.length && 2 * hits >= alike.length,
    )
    .sort((a, b) => b.hits - a.hits || a.others - b.others);
  return first?.column ?? null;
}

function queryOf({ tableSql, columnSql, hasPublic, hasNulls }: Candidate, publicSchema: string): string {
  const only = hasPublic ? ` where ${columnSql} <> ${quoteLiteral(publicSchema).trim()}` : '';
  const given = hasNulls && !hasPublic ? ` where ${columnSql} is not null` : '';
  return `select ${columnSql} from ${tableSql}${only}${given} order by 1`;
}

interface Prefix {
  readonly prefix: string;
  /** Schemas that begin so and are not among those that it was made from. */
  readonly odd: readonly string[];
}

/**
 * What all these names begin with: words up to a separator, or three letters before a number. None if more than a
 * tenth as many other schemas begin so too.
 */
function patternOf(names: readonly string[], all: readonly string[]): Prefix | null {
  const shared = names.reduce((a, b) => a.slice(0, commonLength(a, b)));
  const words = /^.+[_\-.:]/u.exec(shared)?.[0];
  const stem = shared.replace(/\d+$/, '');
  const numbered = /\p{L}{3}$/u.test(stem) && names.every((name) => /^\d+$/.test(name.slice(stem.length)));
  const prefix = words ?? (numbered ? stem : null);
  if (prefix === null) return null;
  const nameSet = new Set(names);
  const odd = all.filter((schema) => schema.startsWith(prefix) && !nameSet.has(schema));
  return odd.length * 10 > names.length ? null : { prefix, odd };
}

function commonLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return length;
}
