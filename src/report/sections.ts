import type { DatabaseOutcome } from '../results.ts';
import { placeLine, printable } from './table.ts';

interface OfDatabase {
  readonly database: string;
}

/** Keeps the items of the database whose section is written. */
type Own = <T extends OfDatabase>(items: readonly T[]) => readonly T[];

/** A result that may be of several databases. */
interface OfDatabases {
  readonly databases?: readonly DatabaseOutcome[];
  readonly schemas: readonly OfDatabase[];
}

/** The report of a result; of several databases, one section each under the name of the database. */
export function inSections({ databases, schemas }: OfDatabases, report: (own: Own) => string): string {
  if (databases === undefined) return report((items) => items);
  return databases
    .map(({ database, host, error }) => {
      const own: Own = (items) => items.filter((item) => item.database === database);
      const title = host === undefined ? `database ${printable(database)}\n` : placeLine({ database, host });
      const isUntouched = error !== undefined && own(schemas).length === 0;
      return title + (isUntouched ? `  failed: ${printable(error.message)}\n` : report(own));
    })
    .join('\n');
}
