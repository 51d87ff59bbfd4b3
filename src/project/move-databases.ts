import { SqlmigError } from '../errors.ts';
import { few } from '../text/few.ts';
import { type Config, requireConfig } from './config.ts';
import { type DatabaseConfig, readConnection, unknownDatabase } from './database.ts';

/** The configs of the old and the new database of a tenant, each with one database. */
export interface MoveDatabases {
  readonly source: Config;
  readonly target: Config;
}

/**
 * Both databases of a move. `to` is the name of a database of the config, which then must have one other, or a connection
 * string; a database outside of the config has the files, settings and tenant source of the config.
 * @throws SqlmigError `bad-usage`, `config-invalid` for a wrong connection string. Neither repeats one.
 */
export function moveDatabases(config: Config, to: string): MoveDatabases {
  const all = [config.database, ...config.otherDatabases];
  const named = all.find(({ name }) => name === to);
  const only = (database: DatabaseConfig): Config => ({ ...config, database, otherDatabases: [] });
  if (named !== undefined) {
    const [source, ...others] = all.filter((database) => database !== named);
    if (source !== undefined && others.length === 0) return { source: only(source), target: only(named) };
    throw new SqlmigError(
      'bad-usage',
      'a move needs two databases of the config: where the tenant is, and --to',
      {
        hint: `select both: --database FROM,${to} --to ${to}`,
      },
    );
  }
  if (!/^\w[\w+.-]*:\/\/|=/.test(to)) {
    const names = all.flatMap(({ name }) => name ?? []);
    // It may be a connection string without its scheme, so with a password.
    if (names.length > 0 && !/[@:/]/.test(to)) throw unknownDatabase(to, names);
    if (names.length > 0)
      throw new SqlmigError('bad-usage', '--to is neither the name of a database of the config nor a URL', {
        hint: `the config has ${few(names, 20)}; a URL begins with postgres://`,
      });
    throw new SqlmigError('bad-usage', '--to takes a URL, since the config has no "databases" with names', {
      hint: 'pass one such as postgres://user@host:5432/database; the password may be in ~/.pgpass',
    });
  }
  requireConfig(config);
  const { tenants } = config.database;
  const target = { name: null, target: readConnection(to, process.env), directTarget: null, tenants };
  return { source: config, target: { ...only(target), poolMode: null } };
}
