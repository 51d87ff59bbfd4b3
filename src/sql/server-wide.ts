import type { ParsedStatement } from './parse.ts';

const alwaysServerWide: Readonly<Record<string, string>> = {
  AlterSystemStmt: 'ALTER SYSTEM',
  CreatedbStmt: 'CREATE DATABASE',
  DropdbStmt: 'DROP DATABASE',
  AlterDatabaseStmt: 'ALTER DATABASE',
  AlterDatabaseSetStmt: 'ALTER DATABASE',
  AlterDatabaseRefreshCollStmt: 'ALTER DATABASE',
  CreateRoleStmt: 'CREATE ROLE',
  AlterRoleStmt: 'ALTER ROLE',
  AlterRoleSetStmt: 'ALTER ROLE',
  DropRoleStmt: 'DROP ROLE',
  GrantRoleStmt: 'GRANT or REVOKE of a role',
  CreateTableSpaceStmt: 'CREATE TABLESPACE',
  DropTableSpaceStmt: 'DROP TABLESPACE',
  AlterTableSpaceOptionsStmt: 'ALTER TABLESPACE',
};

const serverWideObjects: Readonly<Record<string, string>> = {
  OBJECT_DATABASE: 'a database',
  OBJECT_ROLE: 'a role',
  OBJECT_TABLESPACE: 'a tablespace',
  OBJECT_PARAMETER_ACL: 'a parameter',
};

const verbs: Readonly<Record<string, string>> = {
  RenameStmt: 'ALTER',
  AlterOwnerStmt: 'ALTER',
  CommentStmt: 'COMMENT ON',
  SecLabelStmt: 'SECURITY LABEL ON',
  GrantStmt: 'GRANT or REVOKE on',
};

/**
 * What in a statement concerns the whole server, or the whole database, and not one schema, in words; `null` if it
 * concerns schemas. Source: the shared catalogs (PostgreSQL documentation, System Catalogs).
 */
export function serverWideReason({ kind, fields }: ParsedStatement): string | null {
  const always = alwaysServerWide[kind];
  if (always !== undefined) return always;
  const verb = verbs[kind];
  const object = serverWideObjects[String(fields.renameType ?? fields.objectType ?? fields.objtype)];
  return verb === undefined || object === undefined ? null : `${verb} ${object}`;
}
