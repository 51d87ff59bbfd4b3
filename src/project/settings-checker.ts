import * as v from 'valibot';
import { lintRules } from '../sql/lint-rules.ts';
import { tenantPlaceholder } from '../sql/placeholders.ts';
import { parseDuration } from './duration.ts';
import { isScopeName } from './scope-name.ts';
import { ignorable } from './structure-settings.ts';

const name = v.pipe(
  v.string(),
  v.nonEmpty('must not be empty'),
  v.check((text) => Buffer.byteLength(text) <= 63, 'must not be longer than 63 bytes'),
);
const schemaName = v.pipe(
  name,
  v.check((text) => !/^pg_|^information_schema$/.test(text), 'must not be a schema of PostgreSQL itself'),
);
const text = v.pipe(v.string(), v.nonEmpty('must not be empty'));
const tenants = v.union(
  [
    v.strictObject({
      query: text,
      register: v.optional(
        v.pipe(
          text,
          v.check((sql) => /\$1(?!\d)/.test(sql), 'must contain $1 for the name of the tenant'),
        ),
      ),
    }),
    v.strictObject({ pattern: text }),
    v.strictObject({ list: v.array(v.unknown()) }),
    v.function(),
  ],
  'must be { "query": ... }, { "pattern": ... }, { "list": [...] } or, in a .js file, a function',
);
const columns = v.pipe(v.array(name), v.minLength(1, 'must name at least one column'));
const structure = v.strictObject({
  ignore: v.optional(v.array(v.picklist(ignorable, `must be one of ${ignorable.join(', ')}`))),
  ignoreObjects: v.optional(v.array(text)),
});
const lint = v.strictObject({
  off: v.optional(v.array(v.picklist(lintRules, `must be one of ${lintRules.join(', ')}`))),
  after: v.optional(
    v.pipe(
      text,
      v.check((given) => /^\d{1,18}$/.test(given), 'must be the version of a file, in digits'),
    ),
  ),
});
const split = v.strictObject({
  paths: v.optional(
    v.record(
      v.string(),
      v.union(
        [columns, v.strictObject({ columns, table: name, keys: columns })],
        'must be a list of columns, or { "columns": [...], "table": ..., "keys": [...] }',
      ),
    ),
  ),
  keep: v.optional(v.array(name)),
  triggers: v.optional(v.boolean()),
});

const scopeName = v.pipe(
  text,
  v.check(isScopeName, 'must begin with a letter and consist of lower-case letters, digits and _'),
  v.check(
    (given) => !['public', 'tenant', 'runs'].includes(given),
    'must not be public, tenant or runs, which are reserved',
  ),
);

const varName = /^[a-z_][a-z0-9_]*$/i;
const vars = v.pipe(
  v.record(
    v.string(),
    v.pipe(
      v.string('must be text'),
      v.check((value) => !value.includes('\0'), 'must not contain a NUL character'),
      v.check((value) => !/\p{Surrogate}/u.test(value), 'must not contain an unpaired surrogate'),
    ),
  ),
  v.check(
    (all) => Object.keys(all).every((name) => varName.test(name)),
    'must have names that consist of letters, digits and _ and do not begin with a digit',
  ),
  v.check(
    (all) => !Object.keys(all).some((name) => name.toLowerCase() === tenantPlaceholder),
    'must not set tenant, which is the name of the schema of each tenant',
  ),
  v.check(
    (all) => new Set(Object.keys(all).map((name) => name.toLowerCase())).size === Object.keys(all).length,
    'must not contain two names that differ only in case',
  ),
);

/** The checker of config files, from which the JSON Schema in the package is generated. */
export const settingsChecker = v.strictObject({
  $schema: v.optional(v.string()),
  url: v.optional(text),
  directUrl: v.optional(text),
  tenants: v.optional(tenants),
  databases: v.optional(
    v.array(
      v.strictObject({
        name: text,
        url: text,
        directUrl: v.optional(text),
        tenants: v.optional(tenants),
      }),
    ),
  ),
  publicDir: v.optional(text),
  tenantDir: v.optional(text),
  scopes: v.optional(
    v.array(v.strictObject({ name: scopeName, dir: v.optional(text), tenants: v.optional(tenants) })),
  ),
  recursive: v.optional(v.boolean()),
  versions: v.optional(v.picklist(['time', 'serial'], 'must be "time" or "serial"')),
  publicSchema: v.optional(schemaName),
  historyTable: v.optional(name),
  concurrency: v.optional(
    v.pipe(v.number(), v.integer('must be a whole number'), v.minValue(1, 'must be at least 1')),
  ),
  outOfOrder: v.optional(v.boolean()),
  digest: v.optional(v.boolean()),
  transactionPerFile: v.optional(v.boolean()),
  wait: v.optional(
    v.pipe(
      text,
      v.check((given) => parseDuration(given) !== null, 'must be a duration such as 30s or 2m'),
    ),
  ),
  extensions: v.optional(v.array(name)),
  split: v.optional(split),
  structure: v.optional(structure),
  lint: v.optional(lint),
  vars: v.optional(vars),
  poolMode: v.optional(v.picklist(['session', 'transaction'], 'must be "session" or "transaction"')),
  searchPath: v.optional(
    v.pipe(
      v.array(text),
      v.check(
        ([first]) => first === 'tenant',
        'must begin with "tenant", the schema in which tenant files create objects',
      ),
    ),
  ),
});
