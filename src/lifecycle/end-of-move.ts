import { callback, type Kinds, tenantName, text, yesOrNo } from '../project/option.ts';
import type { ErrorDetails } from '../results.ts';
import { type ChangeOptions, changeKinds } from '../run/run-options.ts';
import { copiedTables, type MoveRecord, type RowsOfTable } from './move-record.ts';
import { type DatabasePlace, databasePlace, type MoveSides } from './move-sides.ts';

/** The move to end. */
export interface EndMoveOptions extends ChangeOptions {
  /** The name of the tenant's schema. */
  readonly name: string;
  /** The database that it was moved to: its name in the config, or a connection string, which is never shown. */
  readonly to: string;
  /** Drop a schema although its rows have changed since they were copied. */
  readonly acceptChanges?: boolean;
  /** Called once with the plan. The schema is dropped only if it returns `true`. */
  readonly accept: (plan: EndOfMove) => boolean | Promise<boolean>;
}

/** The end of a move: one of the two schemas is dropped. */
export interface EndOfMove extends DatabasePlace {
  readonly schema: string;
  readonly to: DatabasePlace;
  /** The database in which the schema is dropped; `null` if it is already gone. */
  readonly drops: DatabasePlace | null;
  /** The tables that were copied, with the rows that they had. */
  readonly tables: readonly RowsOfTable[];
  /** The tables of the schema to drop whose rows have changed since. */
  readonly changed: readonly string[];
}

/** How a move was ended. */
export interface EndedMove extends EndOfMove {
  readonly accepted: boolean;
  readonly state: 'finished' | 'undone' | 'unchanged' | 'failed';
  /** After `finishMove`: the tenant source of the old database still lists the tenant, so that `up` would create it. */
  readonly listed: boolean;
  readonly error?: ErrorDetails;
}

/** The kinds of values of `EndMoveOptions`. */
export const endMoveKinds: Kinds<EndMoveOptions> = {
  ...changeKinds,
  name: tenantName,
  to: { ...text, required: true, hidden: true },
  acceptChanges: yesOrNo,
  accept: { ...callback, required: true },
};

/** The part of the plan that does not depend on how the move ends. */
export function plannedEnd({ source, target }: MoveSides, record: MoveRecord) {
  const tables = copiedTables(record);
  return { ...databasePlace(source.run), schema: record.schema, to: databasePlace(target.run), tables };
}
