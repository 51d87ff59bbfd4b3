import { type ErrorCode, SqlmigError } from '../errors.ts';
import { guardedSchemas, reachesOut } from '../protocol/guard.ts';
import type { UnitContext, UnitSchema } from '../protocol/unit-context.ts';
import type { Session } from '../server/session.ts';
import type { Script, Statement } from '../sql/migration.ts';
import { locate } from '../sql/position.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { mayChange } from '../sql/reach.ts';
import { differences, type Structure } from '../structure/structure.ts';

/** What was changed outside of a tenant, and by whom. */
export interface Trespass {
  /** The files that may have done it. */
  readonly scripts: readonly Script[];
  /** What was done, in words (see `differences`). */
  readonly what: readonly string[];
  /** True where it was done to the public schema. */
  readonly inPublic: boolean;
  /** The tenant. */
  readonly schema: UnitSchema;
  readonly publicSchema: string;
  /** What is true now. */
  readonly state: string;
}

/** The error for files that change another schema; where it can be told, it points to the statement. */
export function trespassError({
  scripts,
  what,
  inPublic,
  schema,
  publicSchema,
  state,
}: Trespass): SqlmigError {
  const found = scripts.flatMap((script) => culprit(script, what, schema) ?? []);
  const at = found.length === 1 ? found[0] : undefined;
  const script = at?.script ?? (scripts.length === 1 ? scripts[0] : undefined);
  const { file, text } = script?.migration ?? {};
  const more = what.length > 3 ? ` and ${what.length - 3} more` : '';
  const code: ErrorCode = inPublic ? 'changes-public' : 'changes-other-schema';
  const where = inPublic ? publicSchema : 'any schema but its own';
  return new SqlmigError(
    code,
    `a tenant file must not change ${where}, but this one ${what.slice(0, 3).join(', ')}${more}`,
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
        ? `a name that the tenant does not have is looked up in ${publicSchema}; create it there first, move this into a public file, or say -- sqlmig: allow-public in the file's first lines`
        : "leave names without a schema, so that each tenant changes its own; -- sqlmig: allow-public in the file's first lines allows it",
    },
  );
}

/**
 * What of the differences between two looks no tenant file may make, and whether it is about public. Rows count in
 * `guardsRows` alone; privileges on public may be granted.
 */
export function trespassesIn(
  before: Structure,
  after: Structure,
  publicSchema: string,
  guardsRows: ReadonlySet<string>,
): { readonly what: readonly string[]; readonly inPublic: boolean } {
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

/** The first statement that can have done it: by a name that it changes, else by what is written in it. */
function culprit(
  script: Script,
  what: readonly string[],
  schema: UnitSchema,
): { script: Script; statement: number } | null {
  const names = new Set(what.map((text) => /([^\s."()]+)"?(?:\(.*\))?$/u.exec(text)?.[1] ?? ''));
  const byName = script.statements.findIndex(({ reach }) => !reach.opaque && mayChange(reach, names));
  const byText = script.statements.findIndex(
    ({ reach, start, end }) =>
      reach.opaque && [...names].some((name) => script.text.slice(start, end).includes(name)),
  );
  const suspects = script.statements.flatMap((one, index) => (reachesOut(one, schema) ? [index] : []));
  const only = suspects.length === 1 ? suspects[0] : script.statements.length === 1 ? 0 : -1;
  const statement = [byName, byText, only].find((index) => index !== -1);
  return statement === undefined ? null : { script, statement };
}

/**
 * Looks before a statement that cannot be rolled back: what outside of the tenant it is about, in words; `null` where it
 * is about the tenant's own, or cannot be told beforehand.
 */
export async function aimsOutside(
  session: Session,
  statement: Statement,
  script: Script,
  schema: UnitSchema,
  { publicSchema }: UnitContext,
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
