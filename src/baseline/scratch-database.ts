import { SqlmigError } from '../errors.ts';
import type { OnEvent } from '../events.ts';
import { asSqlmigError } from '../execute/failure.ts';
import { newRunId } from '../run/caller.ts';
import type { Run } from '../run/run.ts';
import { isServerError } from '../server/server-error.ts';
import { connectTimeoutOf, openSession, type Session } from '../server/session.ts';
import { readSessionValues } from '../server/session-values.ts';
import { quoteIdentifier, quoteLiteral } from '../sql/quote.ts';

const prefix = 'sqlmig_replay_';

/**
 * Creates an empty database with the encoding and the locale of the run's, passes its name to `work`, and drops it, also
 * on failure. A database that a killed run has left is dropped first: its name ends with the ID of its run, which every
 * session of a run shows. A run has one for each of its databases, which may be on the same server.
 */
export async function withScratchDatabase<T>(
  run: Run,
  emit: OnEvent,
  work: (name: string) => Promise<T>,
): Promise<T> {
  const name = `${prefix}${newRunId()}_${run.runId}`;
  const admin = await openAdmin(run);
  try {
    await dropLeftovers(admin);
    await admin.run(await createStatement(admin, name));
    await copySettings(admin, name);
    return await work(name);
  } catch (error) {
    throw isServerError(error) ? asSqlmigError(error) : error;
  } finally {
    await drop(run, admin, name).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      emit({
        type: 'warning',
        message: `database ${name} could not be dropped: ${why}; the next comparison drops it`,
      });
    });
    await admin.close();
  }
}

/** A session that no signal interrupts, so that it can drop the database after one. */
async function openAdmin({ config: { database }, pooled, runId }: Run): Promise<Session> {
  const { target, directTarget } = database;
  if (pooled && directTarget === null)
    throw new SqlmigError(
      'direct-url-needed',
      'the database for replaying files cannot be reached through a pooler',
      {
        state: 'nothing was touched',
        hint: 'set directUrl in the config or pass --direct-url',
      },
    );
  const to = directTarget ?? target;
  return openSession({
    target: to,
    applicationName: `sqlmig ${runId}`,
    connectTimeoutMs: connectTimeoutOf(to),
  });
}

async function dropLeftovers(admin: Session): Promise<void> {
  const rows = await admin.read(`select d.datname::text as name from pg_database d
where d.datname ~ ${quoteLiteral(`^${prefix}[0-9a-f]{8}_[0-9a-f]{8}$`)} and pg_has_role(d.datdba, 'USAGE')
  and not exists (select from pg_stat_activity a where a.datid = d.oid or strpos(a.application_name, right(d.datname, 8)) > 0)`);
  for (const { name } of rows) {
    // Another run may have dropped it in the meantime.
    await admin.run(`DROP DATABASE IF EXISTS ${quoteIdentifier(String(name))}`).catch(() => {});
  }
}

/** Gives a database the settings of the session that the meaning of files depends on, which may be those of its own. */
async function copySettings(admin: Session, name: string): Promise<void> {
  for (const [setting, value] of Object.entries(await readSessionValues(admin)))
    await admin.run(
      `ALTER DATABASE ${quoteIdentifier(name)} SET ${quoteIdentifier(setting)} = ${quoteLiteral(value)}`,
    );
}

/** The columns of pg_database that a new database gets from this one; which there are depends on the version. */
interface Locale {
  readonly datcollate: string;
  readonly datctype: string;
  readonly datlocprovider?: string;
  readonly daticulocale?: string | null;
  readonly datlocale?: string | null;
  readonly daticurules?: string | null;
}

async function createStatement(admin: Session, name: string): Promise<string> {
  const [row] = await admin.read(
    'select pg_encoding_to_char(encoding) as encoding, to_jsonb(d) as locale from pg_database d where datname = current_database()',
  );
  const locale = row?.locale as Locale;
  const own = locale.datlocale ?? locale.daticulocale ?? null;
  const provider = locale.datlocprovider;
  const parts = [
    `ENCODING ${quoteLiteral(String(row?.encoding))}`,
    `LC_COLLATE ${quoteLiteral(locale.datcollate)}`,
    `LC_CTYPE ${quoteLiteral(locale.datctype)}`,
    ...(provider === 'i' && own !== null ? [`LOCALE_PROVIDER icu ICU_LOCALE ${quoteLiteral(own)}`] : []),
    ...(provider === 'i' && locale.daticurules ? [`ICU_RULES ${quoteLiteral(locale.daticurules)}`] : []),
    ...(provider === 'b' && own !== null
      ? [`LOCALE_PROVIDER builtin BUILTIN_LOCALE ${quoteLiteral(own)}`]
      : []),
    ...(provider === 'c' ? ['LOCALE_PROVIDER libc'] : []),
  ];
  return `CREATE DATABASE ${quoteIdentifier(name)} TEMPLATE template0 ${parts.join(' ')}`;
}

async function drop(run: Run, admin: Session, name: string): Promise<void> {
  const statement = `DROP DATABASE IF EXISTS ${quoteIdentifier(name)} WITH (FORCE)`;
  if (!admin.lost) {
    await admin.run(statement);
    return;
  }
  const again = await openAdmin(run);
  try {
    await again.run(statement);
  } finally {
    await again.close();
  }
}
