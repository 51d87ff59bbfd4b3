import type { Attempt } from '../execute/attempt.ts';
import { changesSharedRows } from '../protocol/catalog-key.ts';
import type { UnitSchema } from '../protocol/unit-context.ts';
import type { Migration, Script } from '../sql/migration.ts';
import { createLimit } from './limit.ts';

/** Keeps what changes rows that all tenants share from running in two of them at once. */
export interface Turns {
  /** Runs work with these scripts: on its own if one of them changes such rows. */
  inTurn<T>(scripts: readonly Script[], schema: UnitSchema, work: () => Promise<T>): Promise<T>;
  /** Takes from an attempt that a file changes such rows though its text does not say so. */
  learn(attempt: Attempt): void;
}

/**
 * Turns of one run. The key that a unit takes for itself (`sharedKeyTry`) keeps other runners out; within the run nothing
 * needs to be refused. `scripts` are those of the run: what is learned is noted there.
 */
export function createTurns(scripts: Map<Migration, Script>): Turns {
  const alone = createLimit(1);
  return {
    inTurn: (group, schema, work) =>
      group.some((script) => changesSharedRows(script, schema)) ? alone(work) : work(),
    learn(attempt) {
      if (attempt.kind !== 'retry' || attempt.reason !== 'shared-rows') return;
      const { file } = attempt.error.details;
      for (const [migration, script] of scripts) {
        if (migration.file !== file) continue;
        scripts.set(migration, { ...script, sharedRows: { ...script.sharedRows, certain: true } });
      }
    },
  };
}

/**
 * Scripts in order: the transactional ones together, but for those that change what all tenants share apart from the
 * rest; the non-transactional ones one by one; one empty group where there is none.
 */
export function groupScripts(scripts: readonly Script[], schema: UnitSchema): Script[][] {
  const result: Script[][] = [];
  for (const script of scripts) {
    const last = result.at(-1);
    const before = last?.at(0);
    const joins =
      script.nonTransactional === null &&
      before?.nonTransactional === null &&
      changesSharedRows(script, schema) === changesSharedRows(before, schema);
    if (joins) last?.push(script);
    else result.push([script]);
  }
  return result.length === 0 ? [[]] : result;
}
