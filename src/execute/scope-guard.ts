import { type ErrorCode, SqlmigError } from '../errors.ts';
import { guardedSchemas, reachesOut } from '../protocol/guard.ts';
import type { Unit, UnitSchema } from '../protocol/unit-context.ts';
import type { Session } from '../server/session.ts';
import { sentText } from '../sql/filling.ts';
import type { Script, Statement } from '../sql/migration.ts';
import { locate } from '../sql/position.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { mayChange } from '../sql/reach.ts';
import { differences, type Structure } from '../structure/structure.ts';
import { fewAndMore } from '../text/few.ts';
import type { UnitPlace } from './unit-place.ts';

/** Changes that a tenant file must not make. */
export interface ForbiddenChanges {
  /** What was done, in words (see `differences`). */
  readonly what: readonly string[];
  /** It was done to the public schema. */
  readonly inPublic: boolean;
}

/** Forbidden changes, and the files that may have made them in a tenant. */
interface Trespass extends ForbiddenChanges, UnitPlace {
  readonly scripts: readonly Script[];
  /** The state of the database now. */
  readonly state: string;
}

/** The error for files that change another schema, with the statement if it can be found. */
export function trespassError({ scripts, what, inPublic, schema, context, state }: Trespass): SqlmigError {
  const { publicSchema } = context;
  const found = scripts.flatMap((script) => culprit(script, what, schema) ?? []);
  const at = found.length === 1 ? found[0] : undefined;
  const script = at?.script ?? (scripts.length === 1 ? scripts[0] : undefined);
  const { file, text } = script?.migration ?? {};
  const code: ErrorCode = inPublic ? 'changes-public' : 'changes-other-schema';
  const where = inPublic ? publicSchema : 'any schema but its own';
  return new SqlmigError(
    code,
    `a tenant file must not change ${where}, but this one ${fewAndMore(what, 3)}`,
    {
      schema: schema.schema,
      file,
      location:
        at === undefined || file === undefined || text === undefined
          ? undefined
          : locate(file, text, at.script.statements[at.statement]?.start ?? 0),
      statement: at === undefined ? undefined : at.statement + 1,
      statements: script?.statements.length,
      state,
      hint: inPublic
        ? `an unqualified name that the tenant lacks resolves to ${publicSchema}; create it in the tenant first, move this into a public file, or put -- sqlmig: allow-public in the file's first lines`
        : "write names without a schema, so that each tenant changes its own; to allow this, put -- sqlmig: allow-public in the file's first lines",
    },
  );
}

/**
 * The differences between two structures that no tenant file may make. Rows count only in the schemas of `guardsRows`;
 * privileges on public may be granted.
 */
export function forbiddenIn(
  before: Structure,
  after: Structure,
  { publicSchema, guardsRows }: { readonly publicSchema: string; readonly guardsRows: ReadonlySet<string> },
): ForbiddenChanges {
  const inPublic = differences(only(before, publicSchema), only(after, publicSchema), {
    grants: true,
    rows: true,
  });
  const schemas = new Set([...before.values(), ...after.values()].map(({ schema }) => schema));
  schemas.delete(publicSchema);
  const elsewhere = [...schemas].flatMap((schema) =>
    differences(only(before, schema), only(after, schema), { grants: false, rows: guardsRows.has(schema) }),
  );
  return { what: [...inPublic, ...elsewhere], inPublic: inPublic.length > 0 };
}

function only(structure: Structure, schema: string): Structure {
  return new Map([...structure].filter(([, object]) => object.schema === schema));
}

/** The first statement that can have made the changes: by a name that it changes, else by its text. */
function culprit(
  script: Script,
  what: readonly string[],
  schema: UnitSchema,
): { script: Script; statement: number } | null {
  const names = new Set(what.map((text) => /([^\s."()]+)"?(?:\(.*\))?$/u.exec(text)?.[1] ?? ''));
  const byName = script.statements.findIndex(({ reach }) => !reach.opaque && mayChange(reach, names));
  const byText = script.statements.findIndex(
    (statement) =>
      statement.reach.opaque && [...names].some((name) => sentText(script, statement).includes(name)),
  );
  const suspects = script.statements.flatMap((statement, index) =>
    reachesOut(statement, schema) ? [index] : [],
  );
  const onlyStatement = script.statements.length === 1 ? 0 : -1;
  const only = suspects.length === 1 ? suspects[0] : onlyStatement;
  const statement = [byName, byText, only].find((index) => index !== -1);
  return statement === undefined ? null : { script, statement };
}

/**
 * What a statement that cannot be rolled back is about to change outside its tenant; `null` if that is nothing, or
 * cannot be known beforehand.
 */
export async function aimsOutside(
  session: Session,
  statement: Statement,
  { script, schema, context: { publicSchema } }: Unit,
): Promise<{ readonly name: string; readonly inPublic: boolean } | null> {
  if (script.allowsPublic || !reachesOut(statement, schema)) return null;
  const others = guardedSchemas(schema);
  for (const target of statement.reach.targets) {
    if (target.schema !== null) {
      if (!others.has(target.schema)) continue;
      return { name: `${target.schema}.${target.name}`, inPublic: target.schema === publicSchema };
    }
    const inSchema = (name: string) =>
      `exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = ${quoteLiteral(name)} and c.relname = ${quoteLiteral(target.name)})`;
    const [row] = await session.read(
      `select not ${inSchema(schema.schema)} and ${inSchema(publicSchema)} as through`,
    );
    if (row?.through === true) return { name: target.name, inPublic: true };
  }
  return null;
}
