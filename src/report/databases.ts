import type { CreatedDatabases } from '../operations/create-databases.ts';
import type { DatabaseDrop, DroppedDatabases } from '../operations/drop-databases.ts';
import { count, printable, titledTable } from './table.ts';

/** The databases of a config, with the outcome of each. */
export function databasesTable({ databases }: CreatedDatabases | DroppedDatabases): string {
  const rows = databases.map(({ database, name, host = '', state }) => [
    name === database ? '' : printable(database),
    printable(name ?? ''),
    printable(host),
    state === 'unchanged' ? 'not dropped' : state === 'absent' ? 'does not exist' : state,
  ]);
  return titledTable(['in the config', 'database', 'server', 'result'], rows);
}

/** The question before databases are dropped. */
export function databaseDropText(databases: readonly DatabaseDrop[]): string {
  const lines = databases.map(({ name, host, bytes, sessions }) => {
    const size = bytes === null ? 'size unknown' : `${(bytes / 1_000_000).toFixed(0)} MB`;
    return `database ${printable(name)} on ${printable(host)}: ${size}, ${count(sessions, 'session')}\n`;
  });
  return `${lines.join('')}Drop ${count(databases.length, 'database')} with everything in ${databases.length === 1 ? 'it' : 'them'}?`;
}
