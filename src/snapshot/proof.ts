import type { ReplayedFiles } from '../baseline/replay-in-database.ts';
import { parseSnapshot, type Snapshot, snapshotText } from '../project/snapshot-file.ts';
import { compareShapes } from '../structure/shape.ts';
import { addedRows } from './additions.ts';
import { type BuiltTenant, nameless } from './built-tenant.ts';
import { requireReplayed } from './refusal.ts';
import { readMoment } from './rows.ts';
import { type Seed, seedsOf } from './seeds.ts';
import { type Building, type BuiltTwins, readTwin } from './twins.ts';
import type { IsWritten } from './written-columns.ts';

/** A tenant that was built from the files, and the rows that its snapshot writes. */
interface Original extends Pick<BuiltTwins, 'first' | 'before' | 'since'> {
  readonly isWritten: IsWritten;
  readonly seeds: readonly Seed[];
}

/** A snapshot to try, its file, and the name of the tenant to create with it. */
interface Copy {
  readonly snapshot: Snapshot;
  readonly file: string;
  readonly name: string;
}

/**
 * Creates a tenant from the snapshot, and requires it to equal the tenant that was built from the files.
 * @throws SqlmigError `snapshot-refused`.
 */
export async function proveSnapshot(
  building: Building,
  { first, before, seeds, ...rest }: Original,
  { snapshot, file, name }: Copy,
): Promise<void> {
  const { database, files, kind, refuse } = building;
  const found = parseSnapshot(snapshotText(snapshot), file);
  const readSnapshot = () => found;
  const loaded: ReplayedFiles =
    kind === null || files.kind === undefined
      ? { all: { ...files.all, readSnapshot } }
      : { ...files, kind: { ...files.kind, readSnapshot } };
  let unused: string | null = null;
  requireReplayed(
    await database.migrate([name], loaded, (event) => {
      if (event.type === 'warning' && event.message.includes(file)) unused = event.message;
    }),
  );
  if (unused !== null) throw refuse(unused);
  const made = await readTwin(building, name);
  const [difference] = compareShapes(nameless(first), nameless(made));
  if (difference !== undefined) {
    const { objectKind, object, attribute, expected, actual } = difference;
    const what = attribute === null ? '' : ` (${attribute}: ${actual} instead of ${expected})`;
    throw refuse(`it cannot have the ${objectKind} ${object} as the files build it${what}`);
  }
  const until = await readMoment(database.session);
  const rows = [addedRows(before, first.rows), addedRows(before, made.rows)] as const;
  const again = seedsOf({ names: [first.name, name], rows, ...rest, until });
  const other = differenceOf({ first, seeds }, { made, again: 'why' in again ? null : again });
  if (other !== null) throw refuse(other);
}

function differenceOf(
  { first, seeds }: Pick<Original, 'first' | 'seeds'>,
  { made, again }: { readonly made: BuiltTenant; readonly again: readonly Seed[] | null },
): string | null {
  const bare = (value: unknown, { name }: BuiltTenant) => JSON.stringify(value).replaceAll(name, '\0');
  const isAlike = (read: (tenant: BuiltTenant) => unknown) =>
    bare(read(first), first) === bare(read(made), made);
  if (JSON.stringify(seeds) !== JSON.stringify(again))
    return 'its rows differ from those that the files insert';
  if (!isAlike(({ rows }) => [...rows.sequences])) return 'its sequences are not where the files leave them';
  if (!isAlike(({ rows }) => [...rows.materialized])) return 'its materialized views have other rows';
  if (!isAlike(({ settings }) => settings)) return 'its schema has other privileges';
  return null;
}
