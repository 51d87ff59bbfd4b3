import type { Settings } from '../../src/project/settings.ts';
import { settingsChecker } from '../../src/project/settings-checker.ts';

const about: Readonly<Record<Exclude<keyof Settings, '$schema'>, string>> = {
  url: 'Database URL',
  directUrl: 'Database URL that bypasses a pooler',
  tenants: 'Which schemas are tenants; not set: the schemas that have a sqlmig history',
  databases: 'Several databases that are migrated with the same files, in place of url',
  publicDir: 'Folder of the public migrations, relative to this file (default: sql/public)',
  tenantDir: 'Folder of the tenant migrations, relative to this file (default: sql/tenant)',
  scopes: 'Kinds of tenants with files of their own, which are migrated after the files of all tenants',
  recursive: 'Read files in sub-folders of both folders',
  versions: 'How new files are numbered; by default as the newest file of the folder',
  publicSchema: 'Name of the shared schema (default: public)',
  historyTable: 'Name of the history tables (default: schema_migrations)',
  concurrency: 'Number of tenants that are migrated in parallel',
  outOfOrder: 'Apply pending migrations older than the newest applied one',
  digest: 'Store a digest of each history in the catalog, and rely on it',
  transactionPerFile: 'Never apply several files of a tenant in one transaction',
  wait: 'How long to wait for the database to become reachable, such as 60s',
  poolMode: 'Mode of the connection pooler in the URL, if sqlmig cannot detect it',
  searchPath: 'search_path for tenant migrations (default: ["tenant", "public"])',
  extensions: 'Extensions that up creates in the public schema',
  split: 'How adopt --split-by treats the shared tables',
  structure: 'What verify --structure and verify --siblings leave out',
  lint: 'Warnings about files that are left out',
  vars: 'Values of placeholders in migrations, by name; {{name}} is filled in only if this is set',
};

/** A part of a checker of valibot's, as far as sqlmig uses them. */
interface Part {
  readonly type: string;
  readonly wrapped?: Part;
  readonly item?: Part;
  readonly value?: Part;
  readonly entries?: Readonly<Record<string, Part>>;
  readonly options?: readonly (Part | string)[];
  readonly pipe?: readonly (Part & { readonly requirement?: unknown })[];
}

/** The JSON Schema of config files, made from what checks them. */
export function configSchema(): object {
  const { properties, ...rest } = schemaOf(settingsChecker as unknown as Part) as { properties: object };
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'sqlmig config',
    ...rest,
    properties: Object.fromEntries(
      Object.entries(properties).map(([key, schema]) => [
        key,
        { ...(key in about && { description: about[key as keyof typeof about] }), ...schema },
      ]),
    ),
  };
}

function schemaOf(part: Part): object {
  return { ...typeOf(part), ...limitsOf(part) };
}

function typeOf({ type, wrapped, item, value, entries = {}, options = [] }: Part): object {
  switch (type) {
    case 'optional':
      return wrapped === undefined ? {} : schemaOf(wrapped);
    case 'strict_object':
      return {
        type: 'object',
        properties: Object.fromEntries(Object.entries(entries).map(([key, part]) => [key, schemaOf(part)])),
        required: Object.keys(entries).filter((key) => entries[key]?.type !== 'optional'),
        additionalProperties: false,
      };
    case 'record':
      return { type: 'object', additionalProperties: value === undefined ? true : schemaOf(value) };
    case 'array':
      return { type: 'array', items: item === undefined ? {} : schemaOf(item) };
    case 'picklist':
      return { enum: options };
    case 'union':
      // A function is for modules only.
      return { anyOf: (options as readonly Part[]).filter((one) => one.type !== 'function').map(schemaOf) };
    case 'unknown':
      return {};
    case 'string':
    case 'number':
    case 'boolean':
      return { type };
    default:
      throw new Error(`no JSON Schema for ${type}`);
  }
}

function limitsOf({ pipe: [base, ...actions] = [] }: Part): object {
  return Object.assign({}, base === undefined ? {} : limitsOf(base), ...actions.map(limitOf));
}

function limitOf({ type, requirement }: Part & { readonly requirement?: unknown }): object {
  if (type === 'non_empty') return { minLength: 1 };
  if (type === 'integer') return { type: 'integer' };
  if (type === 'min_length') return { minItems: requirement };
  if (type === 'min_value') return { minimum: requirement };
  // What only code can check, such as a length in bytes.
  if (type === 'check') return {};
  throw new Error(`no JSON Schema for ${type}`);
}
