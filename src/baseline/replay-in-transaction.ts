import { SqlmigError, sqlstates } from '../errors.ts';
import { rehearseUnits } from '../execute/rehearse.ts';
import { parseMigrations } from '../project/migrations.ts';
import type { PendingFiles } from '../protocol/message.ts';
import { type UnitContext, unitWithoutHistory } from '../protocol/unit-context.ts';
import { setOwnPath } from '../protocol/unit-settings.ts';
import type { Scope } from '../results.ts';
import { unitContext } from '../run/context.ts';
import type { Run } from '../run/run.ts';
import { whenFree } from '../run/when-free.ts';
import { scriptForTenant } from '../sql/filling.ts';
import { namesMadeBy } from '../sql/made-names.ts';
import type { Script } from '../sql/migration.ts';
import { locate } from '../sql/position.ts';
import { withQualifier } from '../sql/qualifiers.ts';
import { quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import { othersOnPath, searchPathWords } from '../sql/search-path.ts';
import { asUndone } from '../sql/undone.ts';
import { createShapeCollector, selectShapes } from '../structure/read-shapes.ts';
import type { Shape } from '../structure/shape.ts';
import { readLiveObjects } from './live-objects.ts';
import { liveUseOf } from './reaches-live.ts';
import { replayableFiles } from './replayable.ts';
import { interruptedReplay, type Replayed, type ReplayRequest } from './replayed.ts';

/** The schemas that a replay creates in its transaction, and the `search_path` of the files. */
interface Scratch {
  readonly public: string;
  readonly tenant: string;
  readonly path: readonly string[];
  /** The names of the schemas that they stand for, as the server writes them. */
  readonly written: Readonly<Record<Scope, string>>;
}

// No other session locks anything that the files need.
const longestLockWaitMs = 500;

/**
 * Builds public and one tenant from files in schemas of their own, in one transaction that is rolled back. Files that
 * could end it, or use existing objects other than those of extensions, are refused before anything runs.
 * @throws SqlmigError `server-refused` if a file is refused, `interrupted` if the signal is aborted.
 */
export async function replayInTransaction(run: Run, request: ReplayRequest, role: string): Promise<Replayed> {
  const scratch = await readScratch(run, request.tenant);
  const { scripts, leftOut } = await scratchScripts(run, { request, scratch, role });
  const collector = createShapeCollector();
  const { historyTable } = run.config;
  const { ignore, except = [] } = request;
  const schemas = [scratch.public, scratch.tenant];
  const after = {
    sql: `${setOwnPath}${selectShapes({ schemas, ignore, except, historyTable })}`,
    onRow: collector.onRow,
  };
  const parts = [partOf(scratch.public, scripts.public), partOf(scratch.tenant, scripts.tenant)] as const;
  const context = contextOf(run, request, scratch);
  const attempt = await whenFree(request.settings, async () => {
    const done = await run.read((session) => rehearseUnits(session, { parts, after }, context));
    if (request.settings.signal.aborted) throw interruptedReplay();
    if (done.kind === 'retry') throw done.error;
    return done;
  });
  if (attempt.kind === 'failed' && attempt.error.details.sqlstate === sqlstates.unsafeNewEnumValue) {
    const { file, line, message } = attempt.error.details;
    throw refused(role, `${file}:${line}: ${message}`);
  }
  if (attempt.kind === 'failed')
    return { way: 'transaction', expected: null, error: attempt.error.details, leftOut };
  const [lock] = (attempt.kind === 'done' && attempt.locks) || [];
  if (lock !== undefined)
    throw refused(role, `the files lock ${lock.schema}.${lock.relation}, which they do not create`);
  const of = (scope: Scope) => {
    const found = collector.shapes.get(scratch[scope]) ?? [];
    const shape = inTheirPlace(found, { ...scratch, standsFor: request.tenant }, scope);
    return { hash: null, objects: shape.length, shape };
  };
  const expected = { public: of('public'), tenant: of('tenant') };
  return { way: 'transaction', expected, error: null, leftOut };
}

async function readScratch({ runId, config, read }: Run, tenant: string): Promise<Scratch> {
  const { publicSchema, searchPath } = config;
  const scratch = { public: `sqlmig_replay_${runId}_public`, tenant: `sqlmig_replay_${runId}_tenant` };
  const [row] = await read((session) =>
    session.read(`select quote_ident(${quoteLiteral(publicSchema)}) as public, quote_ident(${quoteLiteral(tenant)}) as tenant,
  exists (select from pg_extension where extnamespace = to_regnamespace(quote_ident(${quoteLiteral(publicSchema)}))) as extended`),
  );
  const own = searchPath.map((word) => (word === searchPathWords.public ? scratch.public : word));
  return {
    ...scratch,
    path: row?.extended === true ? [...own, searchPathWords.public] : own,
    written: { public: String(row?.public), tenant: String(row?.tenant) },
  };
}

interface ScratchFiles {
  readonly request: ReplayRequest;
  readonly scratch: Scratch;
  readonly role: string;
}

/** The scripts as the transaction runs them. */
async function scratchScripts(run: Run, { request, scratch, role }: ScratchFiles) {
  const { publicSchema, searchPath } = run.config;
  const extended = scratch.path.includes(searchPathWords.public);
  const others = othersOnPath(searchPath, publicSchema);
  const path = others.filter((name) => extended || name !== publicSchema);
  const live = await run.read((session) => readLiveObjects(session, path));
  const has = { extensions: live.extensions, schemas: new Set<string>() };
  const { migrations, leftOut } = await replayableFiles(request.migrations, request.covered, has);
  const shared = new Set(migrations.public.flatMap(({ text }) => namesMadeBy(text)));
  const rename = { to: quoteIdentifier(scratch.public), isMoved: (name: string) => shared.has(name) };
  const scripts = { public: [] as Script[], tenant: [] as Script[] };
  for (const scope of ['public', 'tenant'] satisfies Scope[]) {
    for (const migration of migrations[scope]) {
      const undone = await asUndone(migration);
      if (!('text' in undone)) {
        const { line } = locate(migration.file, migration.text, undone.index);
        throw refused(role, `${migration.file}:${line} has ${undone.what}`);
      }
      const plain = { ...migration, text: await withQualifier(undone.text, publicSchema, rename) };
      for (const script of (await parseMigrations([plain], migrations)).values())
        scripts[scope].push({ ...scriptForTenant(script, scratch.tenant), nonTransactional: null });
    }
  }
  const use = await liveUseOf([...scripts.public, ...scripts.tenant], live);
  if (use !== null) throw refused(role, `${use.file}:${use.line} ${use.what}`);
  return { scripts, leftOut };
}

function refused(role: string, why: string): SqlmigError {
  return new SqlmigError(
    'server-refused',
    `role "${role}" may not create the temporary database in which the files are replayed, and a transaction cannot replace it: ${why}`,
    {
      state: 'nothing was touched',
      hint: `have a superuser run: ALTER ROLE ${quoteIdentifier(role)} CREATEDB;`,
    },
  );
}

function contextOf(run: Run, { settings }: ReplayRequest, { path }: Scratch): UnitContext {
  const lockTimeoutMs = Math.min(settings.lockTimeoutMs, longestLockWaitMs);
  return { ...unitContext(run, { lockTimeoutMs, sync: false }), searchPath: path, onNotice: () => {} };
}

// The scope is always tenant, so that other runs can continue in the meantime.
function partOf(schema: string, scripts: readonly Script[]): PendingFiles {
  return { schema: unitWithoutHistory(schema, 'tenant'), scripts, bootstrap: true };
}

/** A shape in which the names of the replay's schemas are replaced with those of the schemas that they stand for. */
function inTheirPlace(
  shape: Shape,
  { written, standsFor, ...scratch }: Scratch & { readonly standsFor: string },
  scope: Scope,
): Shape {
  const named = (text: string) => {
    const full = text
      .replaceAll(`${scratch.public}.`, `${written.public}.`)
      .replaceAll(`${scratch.tenant}.`, `${written.tenant}.`)
      // As the value of a placeholder, it can be part of any name.
      .replaceAll(scratch.tenant, () => standsFor);
    // Names of extension objects in public are unqualified there; `liveUseOf` refuses strings with the schema's name.
    return scope === 'public' ? full.replaceAll(`${written.public}.`, '') : full;
  };
  return shape.map(({ attributes, name, ...object }) => ({
    ...object,
    name: named(name),
    attributes: Object.fromEntries(
      Object.entries(attributes).map(([attribute, text]) => [attribute, named(text)]),
    ),
  }));
}
