import type { Scope } from '../results.ts';
import type { Session } from '../server/session.ts';
import { withoutComments } from '../sql/comments.ts';
import { namesMadeBy } from '../sql/made-names.ts';
import type { Migration } from '../sql/migration.ts';
import { readShapes, type ShapeRequest } from '../structure/read-shapes.ts';
import { compareShapes, type ShapeDifference, type ShapeHash } from '../structure/shape.ts';
import type { BaselineProposal } from './baseline-proposals.ts';
import type { ExpectedShape } from './replayed.ts';

/** A difference between the structure that the files build and that of some schemas. */
export interface BaselineDifference extends ShapeDifference {
  readonly scope: Scope;
  readonly schemas: readonly string[];
  /** The file that created the object, or changed it last; `null` if no file names it. */
  readonly file: string | null;
}

/** The structure that schemas are compared with. */
export interface Comparison {
  readonly expected: Readonly<Record<Scope, ExpectedShape>>;
  readonly hashes: ReadonlyMap<string, ShapeHash>;
  readonly request: Omit<ShapeRequest, 'schemas'>;
  /** All files, also those that the baseline does not cover. */
  readonly files: Readonly<Record<Scope, readonly Migration[]>>;
}

// The number of shapes whose objects are read at once.
const batchSize = 50;

/** Compares one schema of each shape, object by object, with what the files build. Equal differences are merged. */
export async function compareFleet(
  session: Session,
  proposals: readonly BaselineProposal[],
  { expected, hashes, request, files }: Comparison,
): Promise<BaselineDifference[]> {
  const groups = new Map<string, { readonly scope: Scope; readonly schemas: string[] }>();
  for (const { target } of proposals) {
    const { schema, scope } = target;
    const hash = hashes.get(schema)?.hash ?? null;
    if (hash !== null && hash === expected[scope].hash) continue;
    const key = `${scope} ${hash}`;
    const group = groups.get(key) ?? { scope, schemas: [] };
    group.schemas.push(schema);
    groups.set(key, group);
  }
  const found = new Map<
    string,
    Omit<BaselineDifference, 'schemas' | 'file'> & { readonly schemas: string[] }
  >();
  const all = [...groups.values()];
  for (let from = 0; from < all.length; from += batchSize) {
    const batch = all.slice(from, from + batchSize);
    const schemas = batch.map((group) => group.schemas[0] ?? '');
    const shapes = await readShapes(session, { ...request, schemas });
    for (const [i, group] of batch.entries()) {
      const { scope } = group;
      for (const difference of compareShapes(expected[scope].shape, shapes.get(schemas[i] ?? '') ?? [])) {
        const key = JSON.stringify([scope, difference]);
        const same = found.get(key) ?? { ...difference, scope, schemas: [] };
        same.schemas.push(...group.schemas);
        found.set(key, same);
      }
    }
  }
  const makers = { public: createMakers(files.public), tenant: createMakers(files.tenant) };
  return [...found.values()].map((difference) => ({
    ...difference,
    file: difference.kind === 'extra-object' ? null : makers[difference.scope](difference),
  }));
}

/** Finds the file that created an object: the last one that creates its name, else the last one that changes its table. */
function createMakers(files: readonly Migration[]): (difference: ShapeDifference) => string | null {
  const known = files.map((migration) => ({
    file: migration.file,
    makes: new Set(namesMadeBy(migration.text)),
    // Good enough to name a file: a semicolon in a string only cuts a statement short.
    changes: withoutComments(migration.text)
      .text.toLowerCase()
      .split(';')
      .filter((statement) => /^\s*(?:create|alter|comment)\b/.test(statement)),
  }));
  const lastOf = (fits: (file: (typeof known)[number]) => boolean) => known.findLast(fits)?.file ?? null;
  return ({ object, relation }) => {
    const table = bareName(relation);
    const own = relation === object ? table : bareName(object.slice(relation.length + 1));
    const isOf = (statement: string) => mentions(statement, own) && mentions(statement, table);
    return (
      lastOf(({ makes }) => makes.has(own)) ??
      lastOf(({ file, changes }) => !/(?:^|\/)R__[^/]*$/.test(file) && changes.some(isOf)) ??
      lastOf(({ makes }) => makes.has(table))
    );
  };
}

/** A name without quotes, arguments or what follows it. */
function bareName(name: string): string {
  if (name.startsWith('"')) return (/^"((?:[^"]|"")*)"/.exec(name)?.[1] ?? name).replaceAll('""', '"');
  return /^[^\s(]+/.exec(name)?.[0] ?? name;
}

function mentions(text: string, name: string): boolean {
  const wanted = name.toLowerCase();
  for (let at = text.indexOf(wanted); at !== -1; at = text.indexOf(wanted, at + 1)) {
    const isWord = (char: string | undefined) => char !== undefined && /[\p{L}\p{N}_]/u.test(char);
    if (!isWord(text[at - 1]) && !isWord(text[at + wanted.length])) return true;
  }
  return false;
}

/**
 * Omits objects that pending repeatables create: the application has them, and the next `up` creates them
 * again.
 */
export function withoutPending(
  differences: readonly BaselineDifference[],
  pending: Readonly<Record<Scope, readonly Migration[]>>,
): BaselineDifference[] {
  const namesOf = (scope: Scope) =>
    new Set(
      pending[scope].filter(({ version }) => version === null).flatMap(({ text }) => namesMadeBy(text)),
    );
  const names = { public: namesOf('public'), tenant: namesOf('tenant') };
  return differences.filter(
    ({ kind, scope, relation }) => kind !== 'extra-object' || !names[scope].has(bareName(relation)),
  );
}
