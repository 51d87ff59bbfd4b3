import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { SqlmigError } from '../errors.ts';
import { cannotWrite } from './cannot-write.ts';
import { configNames } from './config-file.ts';
import { defaults } from './defaults.ts';
import { nextVersion } from './next-version.ts';
import type { TenantChoice } from './proposal.ts';
import { migrationFolders } from './sql-folder.ts';

const { publicDir, tenantDir } = defaults;

/** The settings of a new project. */
interface NewProject {
  readonly tenants: TenantChoice;
  /** The name of the history tables; `null` for the default. */
  readonly historyTable: string | null;
  /** Whether to write sample migrations. */
  readonly sample: boolean;
  /** The time for their versions. */
  readonly now: Date;
}

/** The tenants query of a project whose first sample migration creates a table of tenants. */
export const defaultQuery = 'select schema_name from tenants order by 1';

const configFile = 'sqlmig.config.json';

/** @throws SqlmigError `file-exists` if there is a config, which is never overwritten. */
export function refuseProject(dir: string): void {
  const existing = configNames.find((name) => existsSync(join(dir, name)));
  if (existing === undefined) return;
  throw new SqlmigError('file-exists', `${existing} already exists`, {
    file: existing,
    state: 'nothing was written',
    hint: 'create a migration with: sqlmig new NAME --tenant',
  });
}

/**
 * Writes a config and both migration folders; an empty one gets a `.gitkeep`. Existing files are kept.
 * @throws SqlmigError `file-exists` if there is a config.
 */
export function createProject(dir: string, project: NewProject): { readonly files: readonly string[] } {
  refuseProject(dir);
  const version = nextVersion(null, project.now, 'time');
  const folders: Readonly<Record<string, string>> = project.sample
    ? {
        [`${publicDir}/${version}_tenants.sql`]: publicFile(project.tenants),
        [`${tenantDir}/${version}_users.sql`]: tenantFile,
      }
    : Object.fromEntries(
        [publicDir, tenantDir]
          .filter((folder) => !existsSync(join(dir, folder)) || readdirSync(join(dir, folder)).length === 0)
          .map((folder) => [`${folder}/.gitkeep`, '']),
      );
  const files = {
    [configFile]: `${JSON.stringify({ ...schemaNear(dir), ...settingsOf(project) }, null, 2)}\n`,
    ...folders,
  };
  const written: string[] = [];
  for (const [file, text] of Object.entries(files)) {
    if (existsSync(join(dir, file))) continue;
    try {
      mkdirSync(dirname(join(dir, file)), { recursive: true });
      writeFileSync(join(dir, file), text, { flag: 'wx' });
    } catch (error) {
      throw cannotWrite(file, error);
    }
    written.push(file);
  }
  return { files: written };
}

/** The path of the JSON Schema of configs, for editors; empty if the package is not installed for the folder. */
function schemaNear(dir: string): { readonly $schema?: string } {
  const schema = 'node_modules/sqlmig/schema/config.json';
  for (let folder = resolve(dir), way = './'; ; way = way === './' ? '../' : `../${way}`) {
    if (existsSync(join(folder, schema))) return { $schema: `${way}${schema}` };
    if (dirname(folder) === folder) return {};
    folder = dirname(folder);
  }
}

function settingsOf({ tenants: { kind, ...source }, historyTable }: NewProject) {
  return {
    ...(kind === 'history' ? { publicDir, tenantDir } : { tenants: source }),
    ...(historyTable !== null && { historyTable }),
  };
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

/** Folders of a new project's directory that contain files named like migrations, apart from the default folders. */
export function findMigrations(dir: string): readonly { folder: string; files: number }[] {
  return migrationFolders(dir, 5).filter(({ folder }) => folder !== publicDir && folder !== tenantDir);
}
