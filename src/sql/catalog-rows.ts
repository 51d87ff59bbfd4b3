import { tenantMark } from './filling.ts';
import type { SharedRows } from './migration.ts';
import type { ParsedStatement } from './parse.ts';
import { reachOf } from './reach.ts';
import { serverWideReason } from './server-wide.ts';

// Objects of the whole database: their names have no schema, and a text names the same one for every tenant.
const databaseObjects: ReadonlySet<string> = new Set([
  'OBJECT_ACCESS_METHOD',
  'OBJECT_CAST',
  'OBJECT_EVENT_TRIGGER',
  'OBJECT_EXTENSION',
  'OBJECT_FDW',
  'OBJECT_FOREIGN_SERVER',
  'OBJECT_LANGUAGE',
  'OBJECT_LARGEOBJECT',
  'OBJECT_PUBLICATION',
  'OBJECT_SCHEMA',
  'OBJECT_SUBSCRIPTION',
  'OBJECT_TRANSFORM',
]);

const databaseKinds: ReadonlySet<string> = new Set([
  'AlterDefaultPrivilegesStmt',
  'AlterEventTrigStmt',
  'AlterExtensionContentsStmt',
  'AlterExtensionStmt',
  'AlterFdwStmt',
  'AlterForeignServerStmt',
  'AlterPublicationStmt',
  'AlterUserMappingStmt',
  'CreateAmStmt',
  'CreateCastStmt',
  'CreateEventTrigStmt',
  'CreateFdwStmt',
  'CreateForeignServerStmt',
  'CreatePLangStmt',
  'CreatePublicationStmt',
  'CreateSchemaStmt',
  'CreateTransformStmt',
  'CreateUserMappingStmt',
  'DropOwnedStmt',
  'DropUserMappingStmt',
  'ReassignOwnedStmt',
]);

// Rows of tables have locks of their own, and wait for each other.
const aboutRows: ReadonlySet<string> = new Set([
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
  'SelectStmt',
  'CopyStmt',
]);

/**
 * Which rows of the system catalogs statements change that all tenants share. Two transactions that change the same one
 * at once do not wait for each other: one of them fails. `changesPublic`: they mean to change public.
 */
export function sharedRowsOf(statements: readonly ParsedStatement[], changesPublic: boolean): SharedRows {
  const names = new Set<string>();
  let certain = false;
  for (const statement of statements) {
    if (isAboutDatabase(statement)) certain = true;
    const { kind, fields } = statement;
    if (kind === 'GrantStmt') addStrings(fields.objects, names);
    else if (kind === 'CommentStmt' || kind === 'SecLabelStmt') addStrings(fields.object, names);
    else if (changesPublic && kind === 'DoStmt') certain = true;
    else if (changesPublic && !aboutRows.has(kind)) {
      for (const name of reachOf(statement).names) names.add(name);
    }
  }
  return { certain, names };
}

function isAboutDatabase(statement: ParsedStatement): boolean {
  if (isAboutOwnSchema(statement)) return false;
  const { kind, fields } = statement;
  if (databaseKinds.has(kind) || serverWideReason(statement) !== null) return true;
  if (kind === 'GrantStmt' && fields.targtype === 'ACL_TARGET_ALL_IN_SCHEMA') return true;
  const object = fields.objtype ?? fields.objectType ?? fields.removeType ?? fields.renameType;
  return databaseObjects.has(String(object));
}

interface SchemaList {
  readonly DefElem?: { readonly defname?: string; readonly arg?: unknown };
}

/** True for a statement that names only the tenant's own schema, by its placeholder: each tenant changes rows of its own. */
function isAboutOwnSchema({ kind, fields }: ParsedStatement): boolean {
  const schemas = new Set<string>();
  if (kind === 'AlterDefaultPrivilegesStmt') {
    const options = (fields.options ?? []) as readonly SchemaList[];
    addStrings(
      options.filter(({ DefElem }) => DefElem?.defname === 'schemas').map(({ DefElem }) => DefElem?.arg),
      schemas,
    );
  } else if (fields.targtype === 'ACL_TARGET_ALL_IN_SCHEMA' || fields.objtype === 'OBJECT_SCHEMA') {
    addStrings(kind === 'CommentStmt' ? fields.object : fields.objects, schemas);
  }
  return schemas.size === 1 && schemas.has(tenantMark);
}

function addStrings(node: unknown, to: Set<string>): void {
  if (typeof node === 'string') to.add(node);
  else if (typeof node === 'object' && node !== null) {
    for (const value of Object.values(node)) addStrings(value, to);
  }
}
