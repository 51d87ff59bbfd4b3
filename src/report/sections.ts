import type { ResultPlace } from '../results.ts';
import type { VerifiedDatabase } from '../verify-results.ts';
import { placeLine, printable } from './table.ts';

interface OfDatabase {
  readonly database: string;
}

/** Keeps the items of the database whose section is written. */
type Own = <T extends OfDatabase>(items: readonly T[]) => readonly T[];

/** What a section says about its database as a whole. */
type Facts = Pick<VerifiedDatabase, 'ok' | 'tenantsUnknown' | 'structure'>;

/** A result of one or several databases. */
interface OfDatabases extends Facts, ResultPlace {
  readonly databases?: readonly VerifiedDatabase[];
  readonly schemas: readonly OfDatabase[];
}

/** The report of a result under the name of its database; of several databases, one section each. */
export function inSections(result: OfDatabases, report: (own: Own, facts: Facts) => string): string {
  const { databases, schemas } = result;
  if (databases === undefined) return titleOf(result) + report((items) => items, result);
  return databases
    .map((part) => {
      const { database, error } = part;
      const own: Own = (items) => items.filter((item) => item.database === database);
      const isUntouched = error !== undefined && own(schemas).length === 0;
      const title = titleOf(part) || `database ${printable(database)}\n`;
      return title + (isUntouched ? `  failed: ${printable(error.message)}\n` : report(own, part));
    })
    .join('\n');
}

function titleOf({ host, database }: ResultPlace): string {
  return host === undefined || database === undefined ? '' : placeLine({ host, database });
}
