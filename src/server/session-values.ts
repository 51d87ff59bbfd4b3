import type { Session } from './session.ts';

/** The settings of a session that the meaning of values and definitions depends on, and that sqlmig does not pin. */
export const sessionSettings = ['TimeZone', 'default_text_search_config'] as const;

/** A value for each of `sessionSettings`. */
export type SessionValues = Readonly<Record<(typeof sessionSettings)[number], string>>;

/** Reads the values that a session has. */
export async function readSessionValues(session: Session): Promise<SessionValues> {
  const [row] = await session.read(
    `select ${sessionSettings.map((name) => `current_setting('${name}') as "${name}"`).join(', ')}`,
  );
  return row as unknown as SessionValues;
}
