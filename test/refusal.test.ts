import { expect, test } from 'vitest';
import { unitStates } from '../src/errors.ts';
import { holds, raise, refuseIf, unitRefusalOf } from '../src/protocol/refusal.ts';
import type { ServerError } from '../src/server/server-error.ts';
import { freshDatabase } from './setup/database.ts';
import { testSession } from './setup/unit.ts';

const db = await freshDatabase();

/** What the server says to a text. */
async function refused(text: string): Promise<ServerError> {
  const session = await testSession(db.url);
  try {
    await session.run(text);
  } catch (error) {
    return error as ServerError;
  } finally {
    await session.close();
  }
  throw new Error('it was not refused');
}

// As PostgreSQL's own translations quote what does not parse.
test.for([
  ['English', 'invalid input syntax for type integer: "', '"'],
  ['German', 'ungültige Eingabesyntax für Typ integer: »', '«'],
  ['French', 'syntaxe en entrée invalide pour le type integer : « ', ' »'],
  ['Japanese', 'integer型の入力構文が不正です: "', '"'],
])('a refusal is known whatever language the server speaks: %s', async ([, before, after]) => {
  const error = await refused(`select 1 where ${holds([['true', unitStates.schemaBusy]])}`);
  expect(error.code).toBe('22P02');
  const ours = /sqlmig: .*\)/.exec(error.message)?.[0];
  const translated = Object.assign(new Error(`${before}${ours}${after}`), {
    code: error.code,
  }) as ServerError;
  expect(unitRefusalOf(translated)).toMatchObject({ state: 'SQM01' });
});

test('a block refuses with a SQLSTATE and a sentence of ours; the first condition that holds decides', async () => {
  const error = await refused(
    refuseIf([
      ['false', unitStates.fleetBusy],
      ['true', unitStates.schemaBusy],
      ['1 / 0 = 1', unitStates.historyChanged],
    ]),
  );
  expect(error.code).toBe('SQM01');
  expect(error.message).toBe('sqlmig: another run is using this schema; it will be retried');
  expect(raise(unitStates.historyTouched)).toContain("errcode = 'SQM14'");
});
