import type { Attempt } from '../execute/attempt.ts';
import { changesSharedRows } from '../protocol/catalog-key.ts';
import type { UnitSchema } from '../protocol/unit-context.ts';
import type { Migration, Script } from '../sql/migration.ts';
import { createLimit } from './limit.ts';

/** Keeps scripts that change catalog rows shared by all tenants from running in two tenants at once. */
export interface Turns {
  /** Runs the work of these scripts; if one of them changes such rows, no other such work runs at the same time. */
  inTurn<T>(scripts: readonly Script[], schema: UnitSchema, work: () => Promise<T>): Promise<T>;
  /**
   * Records what an attempt showed of a file and its text does not: that it changes such rows, or cannot share a
   * transaction.
   */
  learn(attempt: Attempt): void;
}

/**
 * The turns of one run. A unit takes a key that keeps other runs out (`trySharedKey`); taking turns within the run means
 * that no unit is refused that key. `learn` updates `scripts`, the scripts of the run.
 */
export function createTurns(scripts: Map<Migration, Script>): Turns {
  const alone = createLimit(1);
  const note = (file: string | undefined, change: (script: Script) => Script) => {
    for (const [migration, script] of scripts)
      if (migration.file === file) scripts.set(migration, change(script));
  };
  return {
    inTurn: (group, schema, work) =>
      group.some((script) => changesSharedRows(script, schema)) ? alone(work) : work(),
    learn(attempt) {
      if (attempt.kind === 'done')
        for (const file of attempt.unjoinable ?? [])
          note(file, (script) => ({ ...script, ownTransaction: true }));
      if (attempt.kind !== 'retry' || attempt.reason !== 'shared-rows') return;
      note(attempt.error.details.file, (script) => ({
        ...script,
        sharedRows: { ...script.sharedRows, certain: true },
      }));
    },
  };
}

/**
 * Groups scripts, in order: each non-transactional script alone, and consecutive transactional ones together. Scripts that
 * change shared rows and scripts that do not are never in one group. Returns one empty group if there are no scripts.
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
