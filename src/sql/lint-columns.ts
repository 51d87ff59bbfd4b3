import { type AlterCommand, type ColumnNode, type ConstraintNode, columnConstraints } from './alter-table.ts';
import { type LockContext, type LockWarning, relationText } from './lock-warning.ts';
import type { QualifiedName } from './migration.ts';

/** What a command of ALTER TABLE that is about a column costs on a table that has rows. */
export function columnWarnings(
  table: QualifiedName,
  { subtype, name = '', def }: AlterCommand,
  { earlier }: LockContext,
): LockWarning[] {
  const shown = relationText(table);
  const column = `${shown}.${name}`;
  switch (subtype) {
    case 'AT_AddColumn':
      return addedColumn(def?.ColumnDef ?? {}, shown);
    case 'AT_AlterColumnType':
      return [
        [
          'type-change',
          `the new type of ${column} rewrites ${shown} and its indexes ${blocked}, unless the type only gets wider; add a column, fill it in batches, and change to it`,
        ],
      ];
    case 'AT_SetNotNull':
      return earlier.provesNotNull(table, name) ? [] : [notNullWarning(table, name)];
    case 'AT_SetExpression':
      return [['generated-column', `a new expression of ${column} rewrites ${shown} ${blocked}`]];
    case 'AT_DropColumn':
      return [
        [
          'drop-column',
          `DROP COLUMN breaks a running release that still uses ${column}; drop it after a release that does not`,
        ],
      ];
    default:
      return [];
  }
}

/** The warning about a column that becomes NOT NULL without proof. */
export function notNullWarning(table: QualifiedName, column: string): LockWarning {
  const shown = relationText(table);
  return [
    'set-not-null',
    `SET NOT NULL reads all of ${shown} ${blocked}; add CHECK (${column} IS NOT NULL) NOT VALID first, and VALIDATE it in a later file before SET NOT NULL`,
  ];
}

const blocked = 'while blocking reads and writes';

function addedColumn(column: ColumnNode, table: string): LockWarning[] {
  const { colname = '' } = column;
  const constraints = columnConstraints(column);
  const has = (type: string) => constraints.find(({ contype }) => contype === type);
  if (has('CONSTR_IDENTITY') !== undefined || isSerial(column)) {
    return [
      [
        'serial-column',
        `adding ${colname} with a sequence rewrites ${table} ${blocked}; add the column without it, set the default for new rows, and fill the others in batches`,
      ],
    ];
  }
  const generated = has('CONSTR_GENERATED');
  if (generated !== undefined) {
    if (generated.generated_kind === 'v') return [];
    return [
      [
        'generated-column',
        `adding the stored column ${colname} rewrites ${table} ${blocked}; use a plain column with a trigger and fill it in batches, or a virtual column from PostgreSQL 18 on`,
      ],
    ];
  }
  const value = has('CONSTR_DEFAULT')?.raw_expr;
  if (mayBeVolatile(value)) {
    return [
      [
        'volatile-default',
        `a default of ${colname} that may differ from row to row rewrites ${table} ${blocked}; add the column without it, set the default for new rows, and fill the others in batches`,
      ],
    ];
  }
  if (has('CONSTR_NOTNULL') === undefined || !isNull(value)) return [];
  return [
    [
      'required-column',
      `${colname} is NOT NULL without a default, which fails if ${table} has rows; give it a constant default, or add it without NOT NULL`,
    ],
  ];
}

function isSerial({ typeName }: ColumnNode): boolean {
  return /^(?:small|big)?serial[248]?$/.test(typeName?.names?.at(-1)?.String?.sval ?? '');
}

/** True if a column is added with a value for the rows that exist. */
export function hasDefault(column: ColumnNode): boolean {
  const value = columnConstraints(column).find(({ contype }) => contype === 'CONSTR_DEFAULT')?.raw_expr;
  return !isNull(value);
}

function isNull(value: ConstraintNode['raw_expr']): boolean {
  return value === undefined || (value as { A_Const?: { isnull?: boolean } }).A_Const?.isnull === true;
}

// Functions of PostgreSQL that defaults use and that are not volatile (pg_proc.provolatile). Of any other function, the
// text does not say it, and a function is volatile unless its definition says something else.
const steady: ReadonlySet<string> = new Set([
  ...[
    'now',
    'transaction_timestamp',
    'statement_timestamp',
    'timezone',
    'date_trunc',
    'date_part',
    'extract',
  ],
  ...['make_date', 'make_time', 'make_timestamp', 'make_timestamptz', 'make_interval', 'age', 'to_timestamp'],
  ...['current_setting', 'current_schema', 'current_schemas', 'current_database', 'getdatabaseencoding'],
  ...['lower', 'upper', 'concat', 'concat_ws', 'md5', 'sha256', 'encode', 'decode', 'format', 'to_char'],
  ...['btrim', 'ltrim', 'rtrim', 'replace', 'repeat', 'left', 'right', 'substring', 'substr', 'length'],
  ...['abs', 'ceil', 'ceiling', 'floor', 'round', 'trunc', 'power', 'sqrt', 'mod', 'to_number', 'to_date'],
  ...[
    'to_json',
    'to_jsonb',
    'json_build_object',
    'jsonb_build_object',
    'json_build_array',
    'jsonb_build_array',
  ],
  ...[
    'array_fill',
    'string_to_array',
    'array_to_string',
    'to_tsvector',
    'int4range',
    'int8range',
    'numrange',
  ],
  ...['daterange', 'tsrange', 'tstzrange'],
]);

function mayBeVolatile(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(mayBeVolatile);
  if (typeof node !== 'object' || node === null) return false;
  return Object.entries(node).some(
    ([key, value]) => (key === 'FuncCall' && !isSteady(value)) || mayBeVolatile(value),
  );
}

function isSteady(call: unknown): boolean {
  const { funcname = [] } = call as {
    readonly funcname?: readonly { readonly String?: { readonly sval?: string } }[];
  };
  const [schema, name] = funcname.map((part) => part.String?.sval ?? '').slice(-2);
  return name === undefined ? steady.has(schema ?? '') : schema === 'pg_catalog' && steady.has(name);
}
