import type { Ignorable } from '../project/structure-settings.ts';
import type { StructureDifference } from '../structure/schema-differences.ts';
import { columnOrder } from '../structure/shape.ts';
import type { DriftFinding, DriftKind, NotReplayedFinding, StructureReport } from '../verify-results.ts';

/** What the structure of a fleet is compared with, and what the comparison leaves out. */
export interface StructureRequest {
  readonly basis: StructureReport['basis'];
  readonly ignore: ReadonlySet<Ignorable>;
  /** Names of objects that may differ; `*` stands for any text. */
  readonly except: readonly string[];
  /** Write SQL that would remove the differences. */
  readonly fixPlan: boolean;
}

/** The findings of a comparison of structures, and what it covered. */
export interface StructureFound {
  readonly findings: readonly (DriftFinding | NotReplayedFinding)[];
  readonly report: StructureReport;
}

/** A difference as a finding. */
export function driftFinding(difference: StructureDifference, database: string): DriftFinding {
  const { kind, schemas, scope, objectKind, object, attribute, expected, actual, file } = difference;
  return {
    kind: 'drift',
    difference: kind,
    database,
    schema: schemas[0] ?? '',
    schemas,
    scope,
    objectKind,
    object,
    attribute,
    expected,
    actual,
    ...(file !== null && { file }),
    ...(attribute === columnOrder && { warning: true as const }),
    message: messageOf(difference),
  };
}

const titles: Readonly<Record<DriftKind, string>> = {
  'missing-object': 'missing',
  'extra-object': 'extra',
  'changed-object': 'different',
  'invalid-index': 'invalid',
  'not-validated': 'not validated:',
};

function messageOf({ kind, objectKind, object, attribute }: StructureDifference): string {
  return `${titles[kind]} ${objectKind} ${object}${attribute === null ? '' : ` (${attribute})`}`;
}
