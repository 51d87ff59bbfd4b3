import type { ParsedStatement } from '../sql/parse.ts';
import type { RangeVar } from '../sql/reach.ts';
import { createdBy, type NamedObject, nameInList, objectName } from './created-objects.ts';

// Objects that statements name with their table.
const ofTable: ReadonlySet<unknown> = new Set([
  'OBJECT_COLUMN',
  'OBJECT_TRIGGER',
  'OBJECT_POLICY',
  'OBJECT_RULE',
  'OBJECT_TABCONSTRAINT',
]);

/** The objects that a statement creates or changes. */
export function subjectsOf(statement: ParsedStatement): NamedObject[] {
  const { kind, fields } = statement;
  const created = kind === 'IndexStmt' ? null : createdBy(statement);
  if (created !== null) return [created];
  const single = [fields.relation, fields.sequence, fields.table].flatMap((node) => relation(node));
  if (single.length > 0) return single;
  const lists = [fields.relations, fields.objects, [fields.object]].flatMap(
    (list) => (list ?? []) as unknown[],
  );
  const kindOfObject = fields.objtype ?? fields.objectType ?? fields.removeType ?? fields.renameType;
  const named = lists.flatMap((node) => {
    const { RangeVar: variable } = (node ?? {}) as { readonly RangeVar?: RangeVar };
    if (variable !== undefined) return relation(variable);
    return ofTable.has(kindOfObject) ? tableIn(node) : (objectName(node) ?? []);
  });
  const type = nameInList(fields.typeName) ?? nameInList(fields.domainname);
  return type === null ? named : [type];
}

function relation(node: unknown): NamedObject[] {
  const { schemaname, relname } = (node ?? {}) as RangeVar;
  return relname === undefined ? [] : [{ schema: schemaname ?? null, name: relname }];
}

function tableIn(node: unknown): NamedObject[] {
  const { List } = (node ?? {}) as { readonly List?: { readonly items?: readonly unknown[] } };
  const table = nameInList(List?.items?.slice(0, -1));
  return table === null ? [] : [table];
}
