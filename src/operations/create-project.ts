import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseFileName } from '../core/file-name.ts';
import { SqlmigError } from '../errors.ts';

/** How a new project knows its tenants. */
export type TenantChoice =
  | { readonly kind: 'query'; readonly query: string }
  | { readonly kind: 'pattern'; readonly pattern: string }
  | { readonly kind: 'list'; readonly list: readonly string[] };

/** The query of a project that keeps its tenants in the table that the first public file makes. */
export const defaultQuery = 'select schema_name from tenants order by 1';

/**
 * Writes a config, both folders and a first file in each, below a folder. What is there already stays; a config is
 * never replaced.
 * @throws SqlmigError `file-exists` where there is a config.
 */
export function createProject(dir: string, tenants: TenantChoice): { readonly files: readonly string[] } {
  const config = 'sqlmig.config.json';
  if (existsSync(join(dir, config))) {
    throw new SqlmigError('file-exists', `${config} is there already`, {
      file: config,
      state: 'nothing was written',
      hint: 'sqlmig new writes the next migration; sqlmig plan shows what is pending',
    });
  }
  const { kind: _, ...source } = tenants;
  const files: Readonly<Record<string, string>> = {
    [config]: `${JSON.stringify({ tenants: source }, null, 2)}\n`,
    'sql/public/0001_tenants.sql': publicFile(tenants),
    'sql/tenant/0001_users.sql': tenantFile,
  };
  const written: string[] = [];
  for (const [file, text] of Object.entries(files)) {
    if (existsSync(join(dir, file))) continue;
    mkdirSync(dirname(join(dir, file)), { recursive: true });
    writeFileSync(join(dir, file), text, { flag: 'wx' });
    written.push(file);
  }
  return { files: written };
}

function publicFile(tenants: TenantChoice): string {
  const about = '-- Runs once in the public schema, before any tenant.\n';
  if (tenants.kind !== 'query' || tenants.query !== defaultQuery) {
    return `${about}create table plans (\n  code text primary key,\n  name text not null\n);\n`;
  }
  return `${about}create table tenants (
  schema_name text primary key,
  created_at timestamptz not null default now()
);

insert into tenants (schema_name) values ('acme'), ('globex');
`;
}

const tenantFile = `-- Runs once in every tenant. Names need no schema: search_path is the tenant, then public.
create table users (
  id bigint generated always as identity primary key,
  email text not null unique,
  created_at timestamptz not null default now()
);
`;

/** Folders below `dir` that hold files named like migrations already, with how many. */
export async function findMigrations(dir: string): Promise<readonly { folder: string; files: number }[]> {
  const { default: fastGlob } = await import('fast-glob');
  const found = await fastGlob('**/*.sql', {
    cwd: dir,
    deep: 5,
    ignore: ['**/node_modules/**', 'sql/{public,tenant}/*'],
    suppressErrors: true,
  });
  const folders = new Map<string, number>();
  for (const file of found.filter((path) => parseFileName(path.slice(path.lastIndexOf('/') + 1)) !== null)) {
    const folder = dirname(file);
    folders.set(folder, (folders.get(folder) ?? 0) + 1);
  }
  return [...folders].map(([folder, files]) => ({ folder, files }));
}
