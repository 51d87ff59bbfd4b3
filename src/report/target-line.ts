import { type ConnectionTarget, describeHost } from '../server/connection-string.ts';
import { printable } from './table.ts';

/** The database that a connection string names, in one line; without a name, the server's default. */
export function targetLine({ hosts, database, user }: ConnectionTarget): string {
  const name = database ?? user;
  const where = hosts.map(describeHost).map(printable).join(', ');
  return `${name === null ? 'default database' : `database ${printable(name)}`} on ${where}\n`;
}
