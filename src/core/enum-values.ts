import type { ParsedStatement } from './parse.ts';

/** A value that a file adds to an enum and uses afterwards: PostgreSQL refuses that in one transaction (55P04). */
export interface EarlyUse {
  /** UTF-16 index of the use. */
  readonly index: number;
  readonly value: string;
}

/** Where a file uses an enum value that it adds itself; an enum that it creates may be used at once. */
export function earlyEnumUses(statements: readonly ParsedStatement[], text: string): EarlyUse[] {
  const own = new Set(statements.filter(({ kind }) => kind === 'CreateEnumStmt').map((s) => typeName(s)));
  const added: string[] = [];
  const uses: EarlyUse[] = [];
  for (const statement of statements) {
    const { kind, fields, start, end } = statement;
    if (kind === 'AlterEnumStmt') {
      const { newVal, oldVal } = fields;
      if (typeof newVal === 'string' && oldVal === undefined && !own.has(typeName(statement)))
        added.push(newVal);
      continue;
    }
    for (const value of added) {
      const at = text.slice(start, end).indexOf(`'${value.replaceAll("'", "''")}'`);
      if (at !== -1) uses.push({ index: start + at, value });
    }
  }
  return uses;
}

function typeName({ fields }: ParsedStatement): string {
  const parts = (fields.typeName ?? []) as { readonly String?: { readonly sval?: string } }[];
  return parts.at(-1)?.String?.sval ?? '';
}
