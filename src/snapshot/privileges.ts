import { type FixStep, step, typeWord } from '../drift/fix-step.ts';
import { quoteIdentifier } from '../sql/quote.ts';
import type { ShapeObject } from '../structure/shape.ts';

/** Steps that give an object the owner and the privileges that it has, if they are not the usual ones. */
export function privilegeSteps(object: ShapeObject): FixStep[] {
  const { owner, grants, 'owned by': ownedBy } = object.attributes;
  // A sequence has the owner of its table.
  const alter =
    owner === undefined || ownedBy !== undefined
      ? []
      : [step('rest', `alter ${typeWord(object.kind)} ${object.name} owner to ${quoteIdentifier(owner)}`)];
  if (grants === undefined) return alter;
  const role = owner === undefined ? 'current_user' : quoteIdentifier(owner);
  const sql = grantSql(grants, { ...placeOf(object), owner: role });
  return [...alter, ...sql.map((text) => step('privileges', text))];
}

/** What privileges are granted on, and what a new object grants already. */
export interface Granted {
  /** As in GRANT: `table users`. */
  readonly on: string;
  /** The columns in parentheses, for privileges on columns. */
  readonly columns?: string;
  /** The words before GRANT and REVOKE; for default privileges. */
  readonly before?: string;
  /** The role that owns the object. */
  readonly owner: string;
  /** Privileges that a new object grants to its owner, and to everybody; `null` if a new object has none at all. */
  readonly usual: { readonly owner: RegExp; readonly everybody: string } | null;
}

/** SQL for privileges as shapes list them: `reader: select; public: insert with grant option, select`, or `none`. */
export function grantSql(grants: string, { on, columns = '', before = '', owner, usual }: Granted): string[] {
  const list = grants === 'none' ? [] : grantees(grants);
  const has = (who: string) => list.find((entry) => entry.who === who)?.what ?? '';
  const revoked =
    usual === null
      ? []
      : [
          ...(usual.owner.test(has('(owner)')) ? [] : [owner]),
          ...(usual.everybody === '' || has('public') === usual.everybody ? [] : ['public']),
        ];
  const isUsual = (who: string, what: string) =>
    usual !== null &&
    ((who === '(owner)' && usual.owner.test(what)) || (who === 'public' && what === usual.everybody));
  return [
    ...(revoked.length === 0 ? [] : [`${before}revoke all on ${on} from ${revoked.join(', ')}`]),
    ...list
      .filter(({ who, what }) => !isUsual(who, what))
      .flatMap(({ who, what }) => {
        const to = who === '(owner)' ? owner : who;
        const [plain, passed] = [false, true].map((option) =>
          what
            .split(', ')
            .filter((privilege) => privilege.endsWith(passOn) === option)
            .map((privilege) => `${privilege.replace(passOn, '')}${columns}`),
        ) as [string[], string[]];
        return [
          ...(plain.length === 0 ? [] : [`${before}grant ${plain.join(', ')} on ${on} to ${to}`]),
          ...(passed.length === 0 ? [] : [`${before}grant ${passed.join(', ')} on ${on} to ${to}${passOn}`]),
        ];
      }),
  ];
}

const passOn = ' with grant option';

/** Each role, quoted where needed, and its privileges. */
function grantees(grants: string): { readonly who: string; readonly what: string }[] {
  const one = /(?:^|; )(\(owner\)|"(?:[^"]|"")*"|[^":;]+): ([a-z, ]+)/g;
  return [...grants.matchAll(one)].map(([, who = '', what = '']) => ({ who, what }));
}

const ofOwner: Readonly<Record<string, RegExp>> = {
  table: /^delete, insert, (?:maintain, )?references, select, trigger, truncate, update$/,
  sequence: /^select, update, usage$/,
  function: /^execute$/,
  type: /^usage$/,
};

function placeOf(object: ShapeObject): Omit<Granted, 'owner'> {
  const { kind, name, of } = object;
  if (kind === 'column' || kind === 'view column')
    return { on: `table ${of}`, columns: ` (${name})`, usual: null };
  if (kind === 'sequence')
    return { on: `sequence ${name}`, usual: { owner: ofSort('sequence'), everybody: '' } };
  if (routines.has(kind)) {
    const word = kind === 'procedure' ? 'procedure' : 'function';
    return { on: `${word} ${name}`, usual: { owner: ofSort('function'), everybody: 'execute' } };
  }
  if (types.has(kind))
    return { on: `${typeWord(kind)} ${name}`, usual: { owner: ofSort('type'), everybody: 'usage' } };
  return { on: `table ${name}`, usual: { owner: ofSort('table'), everybody: '' } };
}

const ofSort = (sort: string) => ofOwner[sort] ?? /^$/;
const routines: ReadonlySet<string> = new Set(['function', 'procedure', 'aggregate', 'window function']);
const types: ReadonlySet<string> = new Set(['enum', 'domain', 'range', 'base type']);

/** SQL for the privileges that objects created later in the schema will have. */
export function defaultPrivilegesSql(
  { name, attributes: { grants = 'none' } }: ShapeObject,
  schema: string,
): string[] {
  const [, on = '', role] = /^on (\w+)(?: of objects of (.*))?$/s.exec(name) ?? [];
  const who = role === undefined ? '' : `for role ${role} `;
  return grantSql(grants, {
    on,
    before: `alter default privileges ${who}in schema ${schema} `,
    owner: 'current_user',
    usual: null,
  });
}
