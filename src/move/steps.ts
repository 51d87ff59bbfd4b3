import type { ImportRules } from '../adopt/import-proposals.ts';
import { SqlmigError } from '../errors.ts';
import { type Adoption, adoptionSteps } from '../protocol/adoption.ts';
import { type UnitContext, unitWithoutHistory } from '../protocol/unit-context.ts';
import { isServerError } from '../server/server-error.ts';
import { ownPath, type Session } from '../server/session.ts';
import { arrayOf } from '../sql/catalog-sql.ts';
import { withQualifier } from '../sql/qualifiers.ts';
import { doBlock, quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import { tenantSearchPath } from '../sql/search-path.ts';
import { type BrokenFunction, brokenFunctions, changedState, selectState } from './checks.ts';
import {
  changePaths,
  defaultPrivileges,
  grantSchema,
  lockTables,
  type MoveWay,
  publishSchema,
  renameSchema,
  setSchemas,
  splitHistory,
} from './compose.ts';
import type { HistoryPlan } from './histories.ts';
import { itemId, relationKinds, type SchemaItem, selectItems } from './inventory.ts';
import { everyItem, keptItems } from './kept.ts';
import type { Survey } from './survey.ts';

/** The context of the steps of a move. */
export interface MoveParts {
  readonly found: Survey;
  readonly histories: HistoryPlan;
  readonly rules: ImportRules;
  readonly context: UnitContext;
}

/** The state before the move. */
interface Before {
  readonly state: Readonly<Record<string, unknown>>;
  readonly broken: ReadonlyMap<string, BrokenFunction>;
}

const tableOids = (items: readonly SchemaItem[]) =>
  items.filter(({ kind }) => kind === 'table').map(({ id }) => id.slice(id.indexOf(':') + 1));

const schemasOf = ({ wish }: Survey) => [wish.schema, wish.as];

/** Reads the state that must be the same afterwards. */
export async function readBefore(session: Session, { found }: MoveParts): Promise<Before> {
  const broken = await brokenFunctions(session, quoteIdentifier(found.wish.schema), schemasOf(found));
  const [state = {}] = await session.run(selectState(everyItem(found.division)));
  return { state, broken };
}

/** Renames or moves public; tables in `first` are locked before the others. */
export async function moveObjects(
  session: Session,
  { found: { wish, division, surroundings } }: MoveParts,
  { way, first }: { readonly way: MoveWay; readonly first: readonly string[] },
): Promise<void> {
  const kept = keptItems(division);
  const items = way === 'rename' ? kept : division.moved;
  const oids = tableOids(items);
  const inUse = first.filter((oid) => oids.includes(oid));
  await session.run(lockTables([...inUse, ...oids.filter((oid) => !inUse.includes(oid))]) || 'SELECT');
  await session.run(
    way === 'rename'
      ? renameSchema(wish, surroundings, kept)
      : `CREATE SCHEMA ${quoteIdentifier(wish.as)} AUTHORIZATION ${surroundings.tenantOwner};\n${setSchemas(items, { from: wish.schema, to: wish.as })}`,
  );
}

/** Changes everything that PostgreSQL does not move with the objects. */
export async function settleSurroundings(session: Session, parts: MoveParts, way: MoveWay): Promise<void> {
  const { wish, division, surroundings, mentions } = parts.found;
  const { defaults, publications } = surroundings;
  const newSchema = way === 'rename' ? wish.schema : wish.as;
  const hasRelations = keptItems(division).some(({ kind }) => relationKinds.includes(kind));
  await session.run(
    grantSchema(wish, surroundings) +
      defaultPrivileges(newSchema, defaults) +
      (way === 'move' || hasRelations ? publishSchema(newSchema, publications) : '') +
      changePaths(mentions.paths),
  );
  await rewriteFunctions(session, parts);
}

async function rewriteFunctions(session: Session, { found }: MoveParts): Promise<void> {
  const { wish, mentions, division, surroundings } = found;
  if (mentions.rewrites.length === 0) return;
  const moved = new Set(division.moved.map(({ name }) => name));
  const oids = mentions.rewrites.map(({ oid }) => oid);
  const rows = await session.run(
    `select oid::text as oid, pg_get_functiondef(oid) as definition, prosrc as body from pg_proc where oid = any(${arrayOf(oids, 'oid')})`,
  );
  const texts: string[] = [];
  for (const { definition, body } of rows) {
    const rewritten = await withQualifier(String(body), wish.schema, {
      to: surroundings.as,
      isMoved: (name) => moved.has(name),
    });
    texts.push(`${withBody(String(definition), String(body), rewritten)};\n`);
  }
  await session.run(`SET LOCAL check_function_bodies = off;\n${texts.join('')}RESET check_function_bodies`);
}

/** A definition as pg_get_functiondef prints it, with another body. */
function withBody(definition: string, body: string, other: string): string {
  const end = /\$\w*\$\s*$/.exec(definition)?.index ?? definition.length;
  const start = end - body.length;
  const head = definition.slice(0, start);
  if (definition.slice(start, end) !== body)
    throw new RangeError('the body of a function ends its definition');
  return head.replace(/\$\w*\$$/, '') + quoteLiteral(other);
}

/**
 * Compares the state with the previous one, before the commit.
 * @throws SqlmigError `server-refused` for the first difference.
 */
export async function checkMoved(session: Session, parts: MoveParts, before: Before): Promise<void> {
  const { found, context } = parts;
  const { wish, division } = found;
  const refuse = (message: string, hint: string) =>
    new SqlmigError('server-refused', message, { schema: wish.schema, state: 'rolled back', hint });
  for (const [schema, expected] of [
    [wish.schema, keptItems(division)],
    [wish.as, division.moved],
  ] as const) {
    const rows = await session.run(
      `select ${itemId('o.classid', 'o.objid')} as id, pg_describe_object(o.classid, o.objid, 0) as what from (${selectItems(schema)}) o`,
    );
    const wanted = new Set(expected.map(({ id }) => id));
    const unexpected = rows.filter(({ id }) => !wanted.has(String(id)));
    const present = new Set(rows.map(({ id }) => String(id)));
    const missing = expected.find(({ id }) => !present.has(id));
    if (unexpected.length > 0 || missing !== undefined)
      throw refuse(
        `${unexpected[0]?.what ?? missing?.identity} is not in the expected schema: the schema has changed in the meantime`,
        'run it again',
      );
  }
  const [state = {}] = await session.run(selectState(everyItem(found.division)));
  const changed = changedState(before.state, state);
  if (changed.length > 0) throw refuse(`${changed.join(', ')} changed while they were moved`, 'run it again');
  const path = tenantSearchPath(context.searchPath, wish.as, wish.schema);
  const broken = [...(await brokenFunctions(session, path, schemasOf(found)))].filter(
    ([oid]) => !before.broken.has(oid),
  );
  const first = broken[0]?.[1];
  if (first !== undefined)
    throw refuse(
      `function ${first.identity} would no longer work: ${first.message}`,
      'replace it so that it works with both search paths, or keep the objects that it uses',
    );
}

/** Writes the histories of public and of the tenant. */
export async function settleHistories(
  session: Session,
  { found: { wish }, histories, context }: MoveParts,
  adoptions: { readonly public: Adoption | null; readonly tenant: Adoption | null },
): Promise<void> {
  const { own } = histories;
  if (own !== null && own.tenant.length > 0) await session.run(splitHistory(wish, own, context));
  const { public: shared, tenant } = adoptions;
  if (tenant !== null) {
    // Public's import comes last, because it may rename the table.
    const old = shared === null ? tenant.old : { ...tenant.old, takeOver: null };
    await session.run(adoptionSteps(unitWithoutHistory(wish.as, 'tenant'), { ...tenant, old }, context));
  }
  if (shared !== null)
    await session.run(adoptionSteps(unitWithoutHistory(wish.schema, 'public'), shared, context));
}

/**
 * Makes sure that the tenants query lists the new tenant once public has moved, with the config's `register` statement
 * if there is one.
 * @throws SqlmigError `tenants-query-failed`, `unlisted-tenant`.
 */
export async function enlistMoved(session: Session, { found: { wish }, rules }: MoveParts): Promise<void> {
  const { tenants } = rules.config.database;
  if (tenants.kind !== 'query') return;
  const path = `SET LOCAL search_path = ${quoteIdentifier(wish.schema)};\n`;
  const isListed = async () => {
    await session.run(`SAVEPOINT listing; SET LOCAL transaction_read_only = on;\n${path}`);
    const { rows } = await session.statement(tenants.query);
    await session.run('ROLLBACK TO SAVEPOINT listing; RELEASE SAVEPOINT listing');
    return rows.some((row) => Object.values(row).includes(wish.as));
  };
  try {
    if (await isListed()) return;
    if (tenants.register !== null) {
      const call = `begin execute ${quoteLiteral(tenants.register)} using ${quoteLiteral(wish.as)}::text; end`;
      await session.run(`${path}${doBlock(call)}SET LOCAL search_path = ${ownPath};`);
      if (await isListed()) return;
    }
  } catch (error) {
    if (!isServerError(error)) throw error;
    throw new SqlmigError(
      'tenants-query-failed',
      `after the move, the tenants cannot be listed: ${error.message}`,
      {
        schema: wish.as,
        state: 'rolled back',
        sqlstate: error.code,
        hint: 'keep the tables that "tenants" in the config reads, with --keep',
        cause: error,
      },
    );
  }
  throw new SqlmigError(
    'unlisted-tenant',
    `the query in "tenants" of the config does not list "${wish.as}"`,
    {
      schema: wish.as,
      state: 'rolled back',
      hint: 'insert it into the table that the query reads, or add a "register" statement to "tenants"',
    },
  );
}
