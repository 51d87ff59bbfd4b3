import type { RehearsalSample, Worst } from '../cost-results.ts';
import type { RehearsedFile, UnrehearsedInScope, UpResult } from '../results.ts';
import { count, indentedTable, names, printable, schemaAndDatabase } from './table.ts';

const mostLines = 8;

/**
 * What each file would cost, one block per file with the worst case of all schemas, the files that were not rehearsed, and
 * how a sample was taken.
 */
export function costsText({
  costs = [],
  unrehearsed = [],
  sample,
}: Pick<UpResult, 'costs' | 'unrehearsed' | 'sample'>): string {
  return [
    ...costs.map(costText),
    ...unrehearsed.map(unrehearsedText),
    sample === undefined ? '' : sampleText(sample),
  ].join('');
}

function unrehearsedText({ scope, file, schemas, why }: UnrehearsedInScope): string {
  const where = scope === 'public' ? '' : ` in ${count(schemas, 'tenant')}`;
  return `${printable(file)}: not rehearsed${where}: ${printable(why)}\n`;
}

function sampleText({ tenants, sampled, bytes, sampledBytes }: RehearsalSample): string {
  const sizes = bytes === 0 ? '' : ` (${bytesText(sampledBytes)} of ${bytesText(bytes)})`;
  return `sample: ${sampled} of ${count(tenants, 'tenant')} with pending migrations, the largest${sizes}\n`;
}

function costText(file: RehearsedFile): string {
  const where = file.scope !== 'public' ? ` in ${count(file.schemas, 'tenant')}` : '';
  const worst = file.schemas > 1 ? ` (${worstPlace(file)})` : '';
  const title = `${printable(file.file)}: ${upTo(file)}${file.durationMs} ms${worst}${where}\n`;
  if (file.scratch)
    return `${title}  ran in a temporary database without rows, since it cannot run in the transaction of the rehearsal\n`;
  return (
    title +
    [estimateOf(file), locksOf(file), rewrittenBy(file), indexesOf(file), rowsOf(file), outsideOf(file)].join(
      '',
    )
  );
}

function estimateOf({ estimate }: RehearsedFile): string {
  if (estimate === undefined) return '';
  const { tenants, bySizeMs, byCountMs } = estimate;
  const [bySize, byCount] = [timeText(bySizeMs ?? byCountMs), timeText(byCountMs)];
  const how =
    bySizeMs === null
      ? `${byCount} in proportion to their number`
      : `${bySize} in proportion to their size, ${byCount} to their number`;
  return `  estimate for ${count(tenants, 'tenant')}, one after the other: ${how}\n`;
}

function timeText(ms: number): string {
  if (ms < 10_000) return `${ms} ms`;
  const seconds = Math.round(ms / 1000);
  return seconds < 600 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}

type Placed = Pick<Worst<object & { schema: string }>, 'worstIn' | 'worstInDatabase' | 'schemas'>;

function worstPlace({ worstIn, worstInDatabase }: Pick<Placed, 'worstIn' | 'worstInDatabase'>): string {
  return printable(schemaAndDatabase({ schema: worstIn, database: worstInDatabase }));
}

/** A figure is the measured value of one schema, or the highest of several. */
function upTo({ schemas }: { readonly schemas: number }): string {
  return schemas > 1 ? 'up to ' : '';
}

const named = (schema: string | null, name: string) =>
  printable(schema === null ? name : `${schema}.${name}`);

/** In how many of the schemas, if not in all. */
function share(figure: Placed, file: RehearsedFile): string {
  const { schemas } = figure;
  if (file.schemas === schemas) return '';
  return schemas === 1 ? `in ${worstPlace(figure)}` : `in ${schemas} of ${file.schemas}`;
}

function locksOf(file: RehearsedFile): string {
  return list(file.locks, (lock) => {
    const line = lock.line === undefined ? '' : `line ${lock.line}`;
    const held = `held for ${upTo(lock)}${lock.heldMs} ms`;
    const inferred = lock.inferred ? 'inferred' : '';
    return ['locks', lock.mode, named(lock.schema, lock.relation), held, line, inferred, share(lock, file)];
  });
}

const verbs = { rewritten: 'rewrites', truncated: 'truncates', moved: 'moves' } as const;

function rewrittenBy(file: RehearsedFile): string {
  return list(file.rewritten, (table) => {
    const size = table.how === 'truncated' ? '' : `${upTo(table)}${bytesText(table.bytes)}`;
    return [verbs[table.how], named(table.schema, table.relation), size, share(table, file)];
  });
}

function indexesOf(file: RehearsedFile): string {
  return list(file.indexes, (index) => [
    index.rebuilt ? 'rebuilds index' : 'builds index',
    `${printable(index.index)} on ${named(index.schema, index.relation)}`,
    `${upTo(index)}${bytesText(index.bytes)}`,
    share(index, file),
  ]);
}

function rowsOf(file: RehearsedFile): string {
  if (file.rows === null) return '  rows are not counted: track_counts is off\n';
  return list(file.rows, (table) => {
    const parts = (['inserted', 'updated', 'deleted'] as const).filter((what) => table[what] > 0);
    const changed = parts.map((what) => `${upTo(table)}${table[what]} ${what}`).join(', ');
    return ['rows', named(table.schema, table.relation), changed, share(table, file)];
  });
}

function outsideOf({ outside, scope }: RehearsedFile): string {
  if (outside.length === 0) return '';
  const of = scope !== 'public' ? "the tenant's schema" : 'public';
  return `  outside ${of}: ${names(outside, mostLines)}\n`;
}

function list<T>(items: readonly T[], cells: (item: T) => readonly string[]): string {
  const shown = indentedTable(items.slice(0, mostLines).map(cells));
  const more = items.length - mostLines;
  return more > 0 ? `${shown}  ${' '.repeat(2)}and ${more} more (--json lists all)\n` : shown;
}

/** A size as people write it, in powers of 1,024 as PostgreSQL counts. */
export function bytesText(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let n = bytes;
  let unit = 0;
  for (; n >= 1024 && unit < units.length - 1; unit++) n /= 1024;
  return `${n >= 10 || Number.isInteger(n) ? Math.round(n) : n.toFixed(1)} ${units[unit]}`;
}
