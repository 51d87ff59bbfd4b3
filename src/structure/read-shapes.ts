import { runLogName } from '../history/run-log.ts';
import type { Ignorable } from '../project/structure-settings.ts';
import type { Row } from '../server/answer.ts';
import type { Session } from '../server/session.ts';
import { arrayOf, nameArray } from '../sql/catalog-sql.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { literalPattern } from '../text/literal-pattern.ts';
import { columnOrder, ownedBy, type Shape, type ShapeHash, type ShapeObject } from './shape.ts';
import { relationParts, type ShapePart } from './shape-parts.ts';
import { otherParts } from './shape-parts-other.ts';

/** What shapes are read of, and what of them is left out. */
export interface ShapeRequest {
  readonly schemas: readonly string[];
  readonly ignore: ReadonlySet<Ignorable>;
  /** A table of this name is no part of the structure. */
  readonly historyTable: string;
  /** The OIDs of tables that are no part of it either. */
  readonly leftOut?: readonly string[];
  /** Objects to leave out, with their parts: names such as `users.email`; `*` stands for any text. */
  readonly except?: readonly string[];
  /** Read the addresses of objects, too. */
  readonly addresses?: boolean;
}

// The catalogs grow with the fleet, a batch does not. With the usual 4, PostgreSQL reads them whole for each batch.
const readsByIndex = 'SET LOCAL random_page_cost = 1;\n';

/** SQL that sets what the text of a definition or a value depends on, to the end of the transaction. */
export const definitionSettings = `SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL jit = off;
SET LOCAL quote_all_identifiers = off;
SET LOCAL DateStyle = 'ISO, MDY';
SET LOCAL IntervalStyle = 'postgres';
SET LOCAL TimeZone = 'UTC';
SET LOCAL extra_float_digits = 1;
SET LOCAL bytea_output = 'hex';
SET LOCAL statement_timeout = 0;
${readsByIndex}`;
const begin = `START TRANSACTION READ ONLY;\n${definitionSettings}`;

/** The hashes of the structure of many schemas, in one query. Schemas that do not exist have none. */
export function readShapeHashes(session: Session, request: ShapeRequest): Promise<Map<string, ShapeHash>> {
  return shapeHashes(session, request, (query) => `${begin}${query}COMMIT;`);
}

/** The hashes that the transaction of a session sees. Changes settings of the transaction. */
export function readShapeHashesInside(
  session: Session,
  request: ShapeRequest,
): Promise<Map<string, ShapeHash>> {
  return shapeHashes(session, request, (query) => `${definitionSettings}${query}`);
}

async function shapeHashes(
  session: Session,
  request: ShapeRequest,
  wrapped: (query: string) => string,
): Promise<Map<string, ShapeHash>> {
  if (request.schemas.length === 0) return new Map();
  const rows = await session.run(
    wrapped(`${objectsOf(request, asRow)}
select r.nsp as schema, count(o.kind)::int as objects,
  md5(string_agg(concat_ws(e'\\x01', o.kind, o.of, o.name, o.attributes), e'\\x02' order by o.kind collate "C", o.of collate "C", o.name collate "C") filter (where o.kind is not null)) as hash
from s r left join objects o on o.nsp = r.nsp group by r.nsp;
`),
  );
  return new Map(
    rows.map(({ schema, objects, hash }) => [
      String(schema),
      { hash: hash === null ? null : String(hash), objects: Number(objects) },
    ]),
  );
}

/** The structure of some schemas, object by object, in one query. */
export async function readShapes(session: Session, request: ShapeRequest): Promise<Map<string, Shape>> {
  if (request.schemas.length === 0) return new Map();
  const collector = createShapeCollector();
  await session.run(`START TRANSACTION READ ONLY;\n${selectShapes(request)}COMMIT;`, collector.onRow);
  return collector.shapes;
}

/** SQL that reads the structure of some schemas in a transaction that has begun; see `createShapeCollector`. */
export function selectShapes(request: ShapeRequest): string {
  return `${definitionSettings}${objectsOf(request, asJson)}
select nsp as ${schemaColumn}, kind, of, name, attributes${request.addresses === true ? ', address' : ''} from objects;
`;
}

const schemaColumn = 'sqlmig_shape_schema';

/** Collects the rows of `selectShapes` among others. */
export function createShapeCollector(): {
  readonly onRow: (row: Row) => void;
  readonly shapes: Map<string, Shape>;
} {
  const shapes = new Map<string, ShapeObject[]>();
  return {
    onRow(row) {
      if (!(schemaColumn in row)) return;
      const { [schemaColumn]: schema, kind, of, name, attributes, address } = row;
      const objects = shapes.get(String(schema)) ?? [];
      objects.push({
        kind: String(kind),
        name: String(name),
        of: of === null ? null : String(of),
        attributes: JSON.parse(String(attributes)),
        ...(typeof address === 'string' && { address }),
      });
      shapes.set(String(schema), objects);
    },
    shapes,
  };
}

/**
 * SQL: the WITH clause whose `objects` has one row per object. Every catalog is read once for all schemas. PostgreSQL
 * evaluates a select list from left to right, so the functions that show definitions find the schema as `search_path`,
 * which `moved` has set: they show its own names bare. The rows come sorted by schema, so that this happens rarely.
 */
function objectsOf(request: ShapeRequest, written: Written): string {
  const { schemas, ignore, historyTable, leftOut = [], except = [] } = request;
  const parts = [...relationParts, ...otherParts]
    .filter((part) => part.isOf === undefined || !ignore.has(part.isOf))
    .map((part) => selectPart(part, request, written));
  return `with s as materialized (select n.oid, n.nspname as nsp, quote_ident(n.nspname) as path,
    coalesce((select h.relowner from pg_class h where h.relnamespace = n.oid and h.relname = ${quoteLiteral(historyTable)}), n.nspowner) as migrator
  from pg_namespace n where n.nspname = any(${nameArray(schemas)})),
left_out as materialized (select c.oid from pg_class c join s on s.oid = c.relnamespace where c.relname in (${quoteLiteral(historyTable)}, ${quoteLiteral(runLogName(historyTable))})
  union all select unnest(${arrayOf(leftOut, 'oid')})),
member as materialized (select classid, objid from pg_depend where refclassid = 'pg_extension'::regclass and deptype = 'e'
  union all select classid, objid from pg_depend where classid = 'pg_proc'::regclass and deptype = 'i'
  union all select d.classid, d.objid from pg_depend d join left_out l on l.oid = d.refobjid where d.refclassid = 'pg_class'::regclass and d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i')
  union all select 'pg_class'::regclass, oid from left_out),
rel as materialized (select s.nsp, s.path, s.migrator, c.* from pg_class c join s on s.oid = c.relnamespace where c.relkind in ('r', 'p', 'f', 'v', 'm', 'S', 'c')
  and not exists (select from member m where m.classid = 'pg_class'::regclass and m.objid = c.oid)),
objects as (select * from (${parts.join('\nunion all\n')}) every where ${isCompared(except)})`;
}

/** SQL condition: an object is compared. View columns without attributes are part of the view's definition. */
function isCompared(except: readonly string[]): string {
  const isKnown = `not (every.kind = 'view column' and every.attributes = '{}')`;
  if (except.length === 0) return isKnown;
  const patterns = except.map((pattern) => pattern.split('*').map(literalPattern).join('.*'));
  const excepted = quoteLiteral(`^(?:${patterns.join('|')})(?:\\..*)?$`);
  return `${isKnown} and coalesce(every.of || '.', '') || every.name !~ ${excepted}
    and coalesce(every.owned_by !~ ${excepted}, true)`;
}

/** The name of an attribute, and SQL that gives its value. */
type Attribute = readonly [name: string, sql: string];
type Written = (attributes: readonly Attribute[]) => string;

const asJson: Written = (attributes) =>
  `json_strip_nulls(json_build_object(${attributes.map(([name, sql]) => `${quoteLiteral(name)}, ${sql}`).join(',\n  ')}))`;

// A hash needs no names, and JSON would take a fifth of the time of the whole query.
const asRow: Written = (attributes) => {
  const none = `'(${','.repeat(attributes.length - 1)})'`;
  return `coalesce(nullif(row(${attributes.map(([, sql]) => sql).join(',\n  ')})::text, ${none}), '{}')`;
};

function selectPart(
  part: ShapePart,
  { ignore, addresses }: Pick<ShapeRequest, 'ignore' | 'addresses'>,
  written: Written,
): string {
  const attributes: Attribute[] = Object.entries(part.attributes).filter(
    ([name]) => name !== columnOrder || !ignore.has('column-order'),
  );
  if (!ignore.has('comments') && part.comment !== undefined)
    attributes.push(['comment', commentOf(part.comment)]);
  if (!ignore.has('owner') && part.owner !== undefined)
    attributes.push([
      'owner',
      `case when ${part.owner} <> p.as_migrator then pg_get_userbyid(${part.owner})::text end`,
    ]);
  if (!ignore.has('grants') && part.acl !== undefined) attributes.push(['grants', grantsOf(part)]);
  return `(select p.nsp, case when current_setting('search_path') <> p.path then set_config('search_path', p.path, true) end as moved,
  ${part.kind} as kind, ${part.of ?? 'null::text'} as of, ${part.name} as name, ${part.attributes[ownedBy] ?? 'null::text'} as owned_by,
  ${written(attributes)}::text as attributes${addresses === true ? `, ${addressOf(part.comment)} as address` : ''}
from (select ${part.columns}, r.migrator as as_migrator from ${part.from} order by r.nsp offset 0) p)`;
}

function addressOf(comment: ShapePart['comment']): string {
  if (comment === undefined) return 'null::text';
  const { catalog, oid, sub = '0' } = comment;
  return `'${catalog} ' || ${oid} || ' ' || ${sub}`;
}

function commentOf({ catalog, oid, sub = '0' }: NonNullable<ShapePart['comment']>): string {
  return `(select d.description from pg_description d where d.classoid = '${catalog}'::regclass and d.objoid = ${oid} and d.objsubid = ${sub})`;
}

// Privileges that an object has by default are equal whether or not the catalog contains them.
function grantsOf({ acl, owner }: ShapePart): string {
  const { list, type } = acl ?? { list: 'null', type: 'r' };
  const granted = (
    privileges: string,
  ) => `coalesce((select string_agg(g.who || ': ' || g.what, '; ' order by g.who collate "C")
    from (select case when a.grantee = 0 then 'public' ${owner === undefined ? '' : `when a.grantee = ${owner} then '(owner)'`} else quote_ident(pg_get_userbyid(a.grantee)) end as who,
      lower(string_agg(a.privilege_type || case when a.is_grantable then ' with grant option' else '' end, ', ' order by a.privilege_type)) as what
    from aclexplode(${privileges}) a group by 1) g), 'none')`;
  const usual = owner === undefined ? `'none'` : granted(`acldefault('${type}', ${owner})`);
  return `case when ${list} is not null then nullif(${granted(list)}, ${usual}) end`;
}
