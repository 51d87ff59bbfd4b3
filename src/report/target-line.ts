import type { Config } from '../project/config.ts';
import { type ConnectionTarget, describeHost } from '../server/connection-string.ts';
import { printable } from './table.ts';

/** The databases of a config, one per line: by their names in the config if there are several. */
export function targetLines({ database, otherDatabases }: Config): string {
  const several = otherDatabases.length > 0;
  return [database, ...otherDatabases]
    .map(({ name, target }) => targetLine(several ? { ...target, database: name } : target))
    .join('');
}

/** The database that a connection string names; without a name, the server's default. */
function targetLine({ hosts, database, user }: ConnectionTarget): string {
  const name = database ?? user;
  const where = hosts.map(describeHost).map(printable).join(', ');
  return `${name === null ? 'default database' : `database ${printable(name)}`} on ${where}\n`;
}
