import { SqlmigError } from '../errors.ts';
import { type Attempt, attemptOf } from '../execute/attempt.ts';
import { unitSchema } from '../fleet/gate.ts';
import type { Migrator } from '../fleet/migrator.ts';
import { schemaReplaced } from '../protocol/unit-checks.ts';
import { takeLocks } from '../protocol/unit-locks.ts';
import { begin } from '../protocol/unit-settings.ts';
import { repairSchemas, watchWait } from '../repair/repair.ts';
import type { ErrorDetails } from '../results.ts';
import type { Target } from '../state/target.ts';
import { compareAll, type FinishRules, type FinishSurvey, unownedRows } from './finish.ts';
import { tableName } from './owner.ts';
import { splitTableName } from './record.ts';
import { transactionReader } from './row-reader.ts';

/** Locks the shared tables, compares once more, and drops them with the record of the split, in one transaction. */
export async function dropShared(
  { run, source, settings, context }: Migrator,
  target: Target,
  { survey, rules }: { readonly survey: FinishSurvey; readonly rules: FinishRules },
): Promise<ErrorDetails | null> {
  const tables = survey.owned.map(({ table }) => tableName(table)).join(', ');
  let dropped = false;
  const [outcome] = await repairSchemas({ run, source, settings }, [target], {
    hasWork: () => !dropped,
    openSession: () => run.openSession(),
    async attempt(session, again): Promise<Attempt> {
      const schema = unitSchema(again, null);
      const wait = watchWait();
      try {
        const locks = takeLocks(schema, context, { activity: 'finish', checks: [schemaReplaced(schema)] });
        const lock = `LOCK TABLE ${tables} IN SHARE MODE;\n`;
        await session.run(`${begin(context)}${locks}${lock}`, wait.onRow);
        const { tables: now, obstacles } = await compareAll(transactionReader(session), survey, rules);
        const more = now.some((table, i) => unownedRows(table) > unownedRows(survey.tables[i]));
        if (more || obstacles.length > 0) {
          await session.run('ROLLBACK');
          return { kind: 'failed', error: changedMeanwhile(again.schema) };
        }
        await session.run(
          `DROP TABLE ${tables};\nDROP TABLE ${splitTableName(context.publicSchema)};\nCOMMIT;`,
        );
        dropped = true;
        return { kind: 'done', applied: [] };
      } catch (error) {
        return attemptOf(error, { schema, context }, wait.isWaiting());
      }
    },
  });
  return outcome?.error ?? null;
}

function changedMeanwhile(schema: string): SqlmigError {
  return new SqlmigError('server-refused', 'rows have changed since they were compared', {
    schema,
    state: 'nothing was dropped',
    hint: 'run it again to see which',
  });
}
