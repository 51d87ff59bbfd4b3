import { locate } from '../core/position.ts';
import { quoteLiteral } from '../core/quote.ts';
import { mayChange } from '../core/reach.ts';
import { SqlmigError } from '../errors.ts';
import type { Script, Statement } from '../model.ts';
import type { Attempt } from './attempt.ts';
import {
  differences,
  objectsAsJson,
  type PublicObject,
  parseObjects,
  readPublicShape,
} from './public-shape.ts';
import type { ServerError } from './server-error.ts';
import type { Session } from './session.ts';
import type { UnitFrame, UnitSchema } from './unit-frame.ts';

/**
 * What it means that a unit was refused because public was changed in it (SQM10): the file did it where public looks
 * as before now that the unit is rolled back; else somebody else did, and the unit is tried again.
 */
export async function judgeRefusal(
  session: Session,
  error: ServerError,
  script: Script | undefined,
  { schema, guarded }: UnitSchema,
  { publicSchema }: UnitFrame,
): Promise<Attempt> {
  const now = await readPublicShape(session, publicSchema);
  if (script === undefined || guarded === null || now.digest !== guarded.digest) {
    const changed = new SqlmigError('public-behind', `${publicSchema} was changed while the run went on`, {
      schema,
    });
    return { kind: 'again', reason: 'public', error: changed };
  }
  const what = differences(guarded.objects, parseObjects(error.detail ?? '[]'));
  const trespass = { scripts: [script], what, schema, publicSchema, state: 'rolled back' };
  return { kind: 'failed', error: changesPublic(trespass) };
}

/** What was changed in public, and by whom. */
export interface Trespass {
  /** The files that may have done it. */
  readonly scripts: readonly Script[];
  /** What was done, in words (see `differences`). */
  readonly what: readonly string[];
  /** The tenant. */
  readonly schema: string;
  readonly publicSchema: string;
  /** What is true now. */
  readonly state: string;
}

/** The error for files that change the public schema; where it can be told, it points to the statement. */
export function changesPublic({ scripts, what, schema, publicSchema, state }: Trespass): SqlmigError {
  const found = scripts.flatMap((script) => culprit(script, what) ?? []);
  const at = found.length === 1 ? found[0] : undefined;
  const script = at?.script ?? (scripts.length === 1 ? scripts[0] : undefined);
  const { file, text } = script?.migration ?? {};
  const more = what.length > 3 ? ` and ${what.length - 3} more` : '';
  return new SqlmigError(
    'changes-public',
    `a tenant file must not change ${publicSchema}, but this one ${what.slice(0, 3).join(', ')}${more}`,
    {
      schema,
      file,
      location:
        at === undefined || file === undefined || text === undefined
          ? undefined
          : locate(file, text, at.script.statements[at.statement]?.start ?? 0),
      statement: at === undefined ? undefined : at.statement + 1,
      statements: script?.statements.length,
      state,
      hint: `a name that the tenant does not have is looked up in ${publicSchema}; create it there first, move this into a public file, or say -- sqlmig: allow-public in the file's first lines`,
    },
  );
}

/** The first statement that can have done it: by a name that it changes, else by what is written in it. */
function culprit(script: Script, what: readonly string[]): { script: Script; statement: number } | null {
  const names = new Set(what.map((text) => /([^\s."()]+)"?(?:\(.*\))?$/u.exec(text)?.[1] ?? ''));
  const byName = script.statements.findIndex(({ reach }) => !reach.opaque && mayChange(reach, names));
  const byText = script.statements.findIndex(
    ({ reach, start, end }) =>
      reach.opaque && [...names].some((name) => script.text.slice(start, end).includes(name)),
  );
  const only = script.statements.length === 1 ? 0 : -1;
  const statement = [byName, byText, only].find((index) => index !== -1);
  return statement === undefined ? null : { script, statement };
}

/** True where a statement may change public, by what its text says. */
function isSuspect(statement: Statement, script: Script, { guarded }: UnitSchema): boolean {
  return guarded !== null && !script.allowsPublic && mayChange(statement.reach, guarded.names);
}

/**
 * Looks before a statement that cannot be rolled back: what of public it is about, in words; `null` where it is about
 * the tenant's own, or cannot be told beforehand.
 */
export async function aimsAtPublic(
  session: Session,
  statement: Statement,
  script: Script,
  schema: UnitSchema,
  { publicSchema }: UnitFrame,
): Promise<string | null> {
  if (!isSuspect(statement, script, schema)) return null;
  for (const target of statement.reach.targets) {
    if (target.schema === publicSchema) return target.name;
    if (target.schema !== null) continue;
    const inSchema = (name: string) =>
      `exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname = ${quoteLiteral(name)} and c.relname = ${quoteLiteral(target.name)})`;
    const [row] = await session.run(
      `select not ${inSchema(schema.schema)} and ${inSchema(publicSchema)} as through`,
    );
    if (row?.through === true) return target.name;
  }
  return null;
}

/** Looks after a statement that was not rolled back: what it changed in public. */
export async function changedInPublic(
  session: Session,
  statement: Statement,
  script: Script,
  schema: UnitSchema,
  { publicSchema }: UnitFrame,
): Promise<string[]> {
  if (!isSuspect(statement, script, schema) || schema.guarded === null) return [];
  return differences(schema.guarded.objects, await readObjects(session, publicSchema));
}

async function readObjects(session: Session, publicSchema: string): Promise<Map<string, PublicObject>> {
  const [row] = await session.run(`select ${objectsAsJson(publicSchema)} as objects`);
  return parseObjects(String(row?.objects));
}
