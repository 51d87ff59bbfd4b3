import { quoteIdentifier } from '../sql/quote.ts';
import { tenantSearchPath } from '../sql/search-path.ts';
import type { Outliers } from '../structure/schema-differences.ts';
import { fullName, type Shape, type ShapeDifference, type ShapeObject } from '../structure/shape.ts';
import type { StructureFix } from '../verify-results.ts';
import { changeSteps, dropSteps } from './fix-change.ts';
import { createSteps } from './fix-create.ts';
import type { FixStep, FixSteps } from './fix-step.ts';

/** The settings that determine the `search_path` of a fix plan. */
export interface FixPaths {
  readonly searchPath: readonly string[];
  readonly publicSchema: string;
}

/** SQL that would give schemas with the same differences the structure that they should have. */
export function fixOf(outliers: Outliers, { searchPath, publicSchema }: FixPaths): StructureFix {
  const { schemas, scope, expected, actual, differences } = outliers;
  const steps: FixStep[] = [];
  const without: { object: string; why: string }[] = [];
  for (const group of byObject(differences)) {
    const found = stepsOf(group, expected, actual);
    const [{ objectKind, object }] = group;
    if ('why' in found) without.push({ object: `${objectKind} ${object}`, why: found.why });
    else {
      steps.push(...found);
      without.push(...lostWith(group, found, outliers));
    }
  }
  const pathOf = (schema: string) =>
    scope === 'public' ? quoteIdentifier(schema) : tenantSearchPath(searchPath, schema, publicSchema);
  return {
    scope,
    schemas: schemas.map((schema) => ({ schema, searchPath: pathOf(schema) })),
    statements: [...steps].sort((a, b) => a.stage - b.stage).map(({ sql }) => sql),
    without,
  };
}

/** Objects to create whose owner or privileges no statement sets. */
function lostWith(
  [first]: Group,
  steps: readonly FixStep[],
  { expected, actual }: Outliers,
): StructureFix['without'] {
  const wanted = find(expected, first);
  const isCreated = find(actual, first) === undefined || steps.some(({ sql }) => sql.startsWith('drop '));
  if (wanted === undefined || !isCreated) return [];
  return expected
    .filter((object) => object === wanted || object.of === wanted.name)
    .filter(({ attributes }) => 'owner' in attributes || 'grants' in attributes)
    .map((object) => ({
      object: `${object.kind} ${fullName(object)}`,
      why: 'decide who its owner is and who its privileges are for',
    }));
}

type Group = readonly [ShapeDifference, ...ShapeDifference[]];

function byObject(differences: readonly ShapeDifference[]): Group[] {
  const groups = new Map<string, [ShapeDifference, ...ShapeDifference[]]>();
  for (const difference of differences) {
    const key = `${difference.objectKind} ${difference.object}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [difference]);
    else group.push(difference);
  }
  return [...groups.values()];
}

function stepsOf(group: Group, expected: Shape, actual: Shape): FixSteps {
  const [first] = group;
  const [wanted, present] = [find(expected, first), find(actual, first)];
  if (wanted === undefined) return present === undefined ? [] : dropSteps(present, actual);
  if (present === undefined) return createSteps(wanted, expected);
  const attributes = group.flatMap(({ attribute }) => attribute ?? []);
  return changeSteps({ expected: wanted, actual: present, attributes, shape: expected, actualShape: actual });
}

function find(shape: Shape, { objectKind, object }: ShapeDifference): ShapeObject | undefined {
  return shape.find((candidate) => candidate.kind === objectKind && fullName(candidate) === object);
}
