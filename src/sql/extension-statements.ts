import { tenantMark, withTenantPlaceholder } from './filling.ts';
import { foldedName, identifierPattern } from './identifier.ts';
import type { ExtensionStatement } from './migration.ts';
import type { ParsedStatement } from './parse.ts';

interface Option {
  readonly DefElem?: { readonly defname?: string; readonly arg?: StringNode };
}
interface StringNode {
  readonly String?: { readonly sval?: string };
}

const inBlock = new RegExp(
  String.raw`\bcreate\s+extension\s+(?:if\s+not\s+exists\s+)?(${identifierPattern})(?:\s+with)?(?:\s+schema\s+(${identifierPattern}))?`,
  'giu',
);

/** The statements that put extensions into schemas, among some. */
export function extensionStatements(statements: readonly ParsedStatement[]): ExtensionStatement[] {
  return statements.flatMap(({ start, end, kind, fields }): ExtensionStatement[] => {
    if (kind === 'CreateExtensionStmt') {
      const options = (fields.options ?? []) as readonly Option[];
      const schema = options.find(({ DefElem }) => DefElem?.defname === 'schema')?.DefElem?.arg?.String?.sval;
      const name = String(fields.extname);
      // Its name is unknown until the tenant is known.
      if (name.includes(tenantMark)) return [];
      const named = schema === undefined ? null : withTenantPlaceholder(schema);
      return [{ kind: 'create', name, schema: named, start, end }];
    }
    if (kind === 'DoStmt') {
      const body = ((fields.args ?? []) as readonly Option[])
        .map(({ DefElem }) => DefElem?.arg?.String?.sval ?? '')
        .join('\n');
      return [...body.matchAll(inBlock)].map(([, name = '', schema]) => {
        return {
          kind: 'block',
          name: foldedName(name),
          schema: schema === undefined ? null : foldedName(schema),
          start,
          end,
        };
      });
    }
    if (kind !== 'AlterObjectSchemaStmt' || fields.objectType !== 'OBJECT_EXTENSION') return [];
    const { String: name } = (fields.object ?? {}) as StringNode;
    return [{ kind: 'move', name: name?.sval ?? '', schema: String(fields.newschema), start, end }];
  });
}
