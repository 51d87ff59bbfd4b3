import type { Script } from '../sql/migration.ts';
import { statementAt } from '../sql/parse.ts';
import { locate } from '../sql/position.ts';
import { wordsOf } from './row-statements.ts';
import type { UnstableRows } from './unstable.ts';

/** A statement of a file, and why a snapshot would lose its effect, in words. */
export type LostPrivileges = UnstableRows;

type Fields = Readonly<Record<string, unknown>>;

const kinds: ReadonlySet<string> = new Set([
  ...['GrantStmt', 'AlterDefaultPrivilegesStmt', 'AlterOwnerStmt', 'AlterTableStmt', 'CreateSchemaStmt'],
  ...['DoStmt', 'CreateFunctionStmt'],
]);

/**
 * Finds the first statement on owners or privileges whose effect depends on the role that replays the files: it names
 * this role, or it revokes a privilege that was not granted here. `judged` are the files that the snapshot replaces.
 */
export async function lostPrivilegesOf(
  scripts: readonly Script[],
  { role, judged }: { readonly role: string; readonly judged: ReadonlySet<string> },
): Promise<LostPrivileges | null> {
  const granted = new Set<string>();
  for (const script of scripts) {
    for (const [k, { kind, start }] of script.statements.entries()) {
      const parsed = kinds.has(kind) ? await statementAt(script, k) : null;
      if (parsed === null) continue;
      const { fields } = parsed.statement;
      const own = isCode(kind) ? codeNames(stringsOf(fields), role) : hasRole(fields, role);
      const why = own
        ? `names the role "${role}", which replays the files`
        : lostRevoke(kind, fields, granted);
      if (why === null || !judged.has(script.migration.file)) continue;
      const { file, line } = locate(script.migration.file, script.migration.text, start);
      return { file, line, why };
    }
  }
  return null;
}

function isCode(kind: string): boolean {
  return kind === 'DoStmt' || kind === 'CreateFunctionStmt';
}

/** Code grants, revokes or gives something away, and has the name of the role. */
function codeNames(text: string, role: string): boolean {
  const lower = role.toLowerCase();
  const isNamed = /^\w+$/.test(lower) ? wordsOf(text).has(lower) : text.toLowerCase().includes(lower);
  return isNamed && /\b(?:grant|revoke|owner)\b/i.test(text);
}

/** All strings in a node, with the values of placeholders. */
function stringsOf(node: unknown): string {
  if (typeof node === 'string') return `${node}\n`;
  return typeof node === 'object' && node !== null ? Object.values(node).map(stringsOf).join('') : '';
}

function hasRole(node: unknown, role: string): boolean {
  if (typeof node !== 'object' || node === null) return false;
  if ('rolename' in node && node.rolename === role) return true;
  return Object.values(node).some((value) => hasRole(value, role));
}

/** Records grants. Returns why a REVOKE has no effect here, although default privileges can give it one elsewhere. */
function lostRevoke(kind: string, fields: Fields, granted: Set<string>): string | null {
  const isDefault = kind === 'AlterDefaultPrivilegesStmt';
  if (!isDefault && kind !== 'GrantStmt') return null;
  const grant = isDefault ? (fields.action as Fields) : fields;
  const objects = isDefault ? ['*'] : ((grant.objects ?? []) as unknown[]).map(withoutPlaces);
  const sort = String(grant.objtype);
  for (const who of grantees(grant.grantees)) {
    for (const object of objects) {
      const key = `${who} ${sort} `;
      if (grant.is_grant === true) granted.add(key + object);
      else if (isDefault || granted.has(key + object) || granted.has(`${key}*`)) continue;
      else if (who !== 'public' || !everybodyMay.has(sort))
        return `revokes from ${who} what no tenant file has granted`;
    }
  }
  return null;
}

// What everybody may do with a new object of these kinds is known, so a snapshot revokes it, too.
const everybodyMay: ReadonlySet<string> = new Set([
  ...['OBJECT_FUNCTION', 'OBJECT_PROCEDURE', 'OBJECT_ROUTINE', 'OBJECT_AGGREGATE'],
  ...['OBJECT_TYPE', 'OBJECT_DOMAIN'],
]);

function grantees(list: unknown): string[] {
  return ((list ?? []) as { readonly RoleSpec: Fields }[]).flatMap(({ RoleSpec: { roletype, rolename } }) => {
    if (roletype === 'ROLESPEC_PUBLIC') return ['public'];
    // The role that runs the files owns what they create.
    return roletype === 'ROLESPEC_CSTRING' ? [String(rolename)] : [];
  });
}

function withoutPlaces(object: unknown): string {
  return JSON.stringify(object, (key, value) => (key === 'location' ? undefined : value));
}
