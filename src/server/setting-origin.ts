import { quoteLiteral } from '../sql/quote.ts';
import type { Session } from './session.ts';

/** Where a setting of this session comes from, in words that follow "set for". */
export async function settingOrigin(session: Session, name: string): Promise<string> {
  const [row] =
    await session.read(`select source, session_user::text as role, current_database()::text as database
from pg_settings where name = ${quoteLiteral(name)}`);
  const { source, role, database } = row ?? {};
  const origins: Readonly<Record<string, string>> = {
    user: `the role "${role}" (ALTER ROLE)`,
    database: `the database "${database}" (ALTER DATABASE)`,
    'database user': `the role "${role}" in the database "${database}" (ALTER ROLE ... IN DATABASE)`,
    client: 'the connection (its URL or PGOPTIONS)',
  };
  return origins[String(source)] ?? `the server (${source})`;
}
