import type { SourceFile } from '../history/import/history-reader.ts';
import { checksumOf } from '../project/decode.ts';
import { fileNameOf, parseFileName } from '../project/file-name.ts';
import type { Scope } from '../results.ts';
import { asksForNoTransaction } from '../sql/directives.ts';
import { restrictions } from '../sql/dump.ts';
import { parseStatements } from '../sql/parse.ts';
import { blankOut, withSemicolon } from '../sql/ranges.ts';
import { copiedRowsAsInserts } from './copied-rows.ts';
import { type Decision, decisionsIn, type PlacedProblem } from './decisions.ts';
import { type KeptObjects, keptObjects, nothingKept, placementOf } from './kept.ts';
import { type LaidOut, type Layout, type LeftOut, layOut } from './layout.ts';
import { type MadeObjects, madeObjects, type ParsedText } from './made-objects.ts';
import type { FileOrigin } from './manifest.ts';
import { qualifiedNames } from './qualified-names.ts';
import { noTransactionMark, type TwoWays, twoWays, without } from './two-ways.ts';

/** How files are converted. */
export interface ConversionRules {
  /** The folder for all statements that do not concern kept tables. */
  readonly into: Scope;
  /** Tables that stay in the public schema. */
  readonly keep: readonly string[];
  /** The schema that the files were written for. */
  readonly schema: string;
  /** The tool that ran them; `null` to determine it from the files. */
  readonly tool: string | null;
  /** The folders as messages name them. */
  readonly folders: Readonly<Record<Scope, string>>;
}

/** A file for a folder of sqlmig. */
export interface ConvertedFile extends FileOrigin {
  readonly scope: Scope;
  readonly name: string;
  readonly text: string;
}

/** The converted files of a folder. */
export interface Conversion {
  /** `null` if several tools are possible. */
  readonly tool: string | null;
  readonly files: readonly ConvertedFile[];
  /** Migrations in other languages, which became empty files. */
  readonly notConverted: readonly LeftOut[];
  readonly leftOut: readonly LeftOut[];
  readonly decisions: readonly Decision[];
}

/**
 * Converts the migrations of another tool to sqlmig's files.
 * @throws SqlmigError if their order is unknown, or if no file creates a table to keep.
 */
export async function convertFiles(
  sources: readonly SourceFile[],
  rules: ConversionRules,
): Promise<Conversion> {
  const layout = layOut(sources, rules.tool);
  const drafts = await Promise.all(layout.migrations.map(draftsOf));
  const texts = drafts.flat().flatMap(({ undoes, parsed }) => (undoes || parsed === null ? [] : parsed));
  const made = madeObjects(texts, rules.schema);
  const kept = rules.into === 'public' ? nothingKept : keptObjects(rules.keep, texts, made);
  const converting = { rules, made, kept };
  const files: ConvertedFile[] = [];
  const decisions: Decision[] = [];
  for (const draft of drafts.flat()) {
    for (const part of await partsOf(draft, converting)) {
      files.push(part.file);
      decisions.push(...part.decisions);
    }
  }
  return {
    tool: layout.tool,
    files,
    notConverted: otherLanguages(layout),
    leftOut: layout.leftOut,
    decisions,
  };
}

function otherLanguages({ migrations }: Layout): LeftOut[] {
  return migrations
    .filter(({ file }) => file.language === 'other')
    .map(({ file: { source } }) => ({ file: source.path, why: 'it is not SQL' }));
}

/** One direction of a migration, without the marks of its tool. */
interface Draft {
  readonly laidOut: LaidOut;
  readonly source: SourceFile;
  readonly undoes: boolean;
  readonly text: string;
  /** `null` if it does not parse. */
  readonly parsed: ParsedText | null;
  readonly changes: readonly string[];
}

async function draftsOf(laidOut: LaidOut): Promise<Draft[]> {
  const { file, down } = laidOut;
  const { source } = file;
  const draft = async (text: string, more: Pick<Draft, 'source' | 'undoes' | 'changes'>): Promise<Draft> => ({
    laidOut,
    text,
    parsed: await parsedText(text),
    ...more,
  });
  if (file.language === 'other') {
    return [
      await draft(emptyFile(source.path), { source, undoes: false, changes: ['empty: it is not SQL'] }),
    ];
  }
  const ways = waysOf(source);
  const { changes } = ways;
  const own = waysOf(down);
  const [from, back] = down === null ? [source, ways.down] : [down, own.down || own.up];
  return [
    await draft(ways.up, { source, undoes: false, changes }),
    ...(back.trim() === '' || file.kind === 'repeatable'
      ? []
      : [await draft(back, { source: from, undoes: true, changes })]),
  ];
}

/** The two directions of a file, with INSERT in place of COPY FROM STDIN. */
function waysOf(source: SourceFile | null): TwoWays {
  // First, because the rows are not SQL, in whose comments the marks of a tool are.
  const { text, count } = copiedRowsAsInserts(source?.text ?? '');
  const ways = twoWays(text);
  const changes = count === 0 ? [] : ['COPY FROM STDIN rewritten as INSERT'];
  return { ...ways, changes: [...changes, ...ways.changes] };
}

function emptyFile(path: string): string {
  return `-- ${path.replaceAll(/[\r\n]/g, ' ')} is not SQL. This file is empty, so that its version can be recorded as applied.\n-- New schemas need its changes: write them here, in SQL, before any schema has run this file.\n`;
}

async function parsedText(text: string): Promise<ParsedText | null> {
  const plain = blankOut(text, restrictions(text));
  const parsed = await parseStatements(plain);
  return 'problem' in parsed ? null : { text: plain, statements: parsed.statements };
}

interface Converting {
  readonly rules: ConversionRules;
  readonly made: MadeObjects;
  readonly kept: KeptObjects;
}

interface Part {
  readonly file: ConvertedFile;
  readonly decisions: readonly Decision[];
}

async function partsOf(draft: Draft, converting: Converting): Promise<Part[]> {
  const { rules } = converting;
  const shares = sharesOf(draft, converting);
  const isSplit = shares.length > 1;
  return Promise.all(
    shares.map(async ({ scope, text, problems }) => {
      const stripped =
        scope === 'public' ? { text, count: 0, moved: problems } : await strip(text, problems, converting);
      const changes = [
        ...draft.changes,
        ...(isSplit ? ['divided between public and tenants'] : []),
        ...(stripped.count > 0 ? [`"${rules.schema}." removed ${times(stripped.count)}`] : []),
      ];
      const name = nameOf(draft);
      const { source, undoes } = draft;
      const { version, file } = draft.laidOut;
      const examined = {
        file: `${rules.folders[scope]}/${name}`,
        scope,
        version,
        name: file.title,
        undoes,
        text: stripped.text,
        problems: stripped.moved,
        parsed: await parsedText(stripped.text),
      };
      const { path: from, text: original } = source;
      return {
        file: { scope, name, text: stripped.text, from, sha256: checksumOf(original), changes },
        decisions: await decisionsIn(examined, { schema: rules.schema, ...converting }),
      };
    }),
  );
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

function nameOf({ laidOut: { version, file }, undoes }: Draft): string {
  if (version === null) return `R__${file.title}.sql`;
  const title = file.title.replace(/[/\\\p{Cc}]/gu, '_') || 'migration';
  const plain = fileNameOf(version, title);
  const name =
    parseFileName(plain)?.kind === 'versioned'
      ? plain
      : fileNameOf(version, title.replace(/[^\p{L}\p{N}]+/gu, '_'));
  return undoes ? name.replace(/\.sql$/, '.down.sql') : name;
}

interface Share {
  readonly scope: Scope;
  readonly text: string;
  readonly problems: readonly PlacedProblem[];
}

/** A text divided between public and the tenants, each statement with the comments before it. */
function sharesOf({ parsed, text }: Draft, { rules, made, kept }: Converting): Share[] {
  if (rules.keep.length === 0 || parsed === null) return [{ scope: rules.into, text, problems: [] }];
  const parts = { public: '', tenant: '' };
  const counts = { public: 0, tenant: 0 };
  const problems: PlacedProblem[] = [];
  let done = 0;
  for (const statement of parsed.statements) {
    const { end } = withSemicolon(text, statement);
    const to = end + (/^[ \t]*(?:--[^\r\n]*)?(?:\r\n|\r|\n)/.exec(text.slice(end))?.[0].length ?? 0);
    const { place, problem } = placementOf(statement, kept, made);
    const piece = text.slice(done, to);
    const scopes: readonly Scope[] = place === 'either' ? ['public', 'tenant'] : [place];
    for (const scope of scopes) {
      if (problem !== null) problems.push({ index: parts[scope].length + statement.start - done, problem });
      parts[scope] += piece;
      if (place !== 'either') counts[scope] += 1;
    }
    done = to;
  }
  if (counts.public === 0) return [{ scope: 'tenant', text, problems }];
  const rest = text.slice(done);
  if (counts.tenant === 0) return [{ scope: 'public', text, problems: [] }];
  const [forPublic, forTenant] = [marked(parts.public, text), marked(parts.tenant + rest, text)];
  const shift = forTenant.length - (parts.tenant + rest).length;
  return [
    { scope: 'public', text: forPublic, problems: [] },
    {
      scope: 'tenant',
      text: forTenant,
      problems: problems.map(({ index, problem }) => ({ index: index + shift, problem })),
    },
  ];
}

/** A part of a text, with the whole text's mark if it must run outside a transaction. */
function marked(part: string, whole: string): string {
  return asksForNoTransaction(whole) && !asksForNoTransaction(part) ? noTransactionMark + part : part;
}

/** Removes the schema from names of tenant objects, and shifts the positions of problems accordingly. */
async function strip(text: string, problems: readonly PlacedProblem[], { rules, made, kept }: Converting) {
  const parsed = await parsedText(text);
  if (parsed === null) return { text, count: 0, moved: problems };
  const places = (await qualifiedNames(parsed, rules.schema)).filter(
    ({ name, kind }) => made.has(name, kind) && !kept.has(name, kind),
  );
  const ranges = places.flatMap(({ qualifier }) => qualifier);
  const moved = problems.map(({ index, problem }) => ({
    index: ranges.reduce((at, { start, end }) => (end <= index ? at - (end - start) : at), index),
    problem,
  }));
  return { text: without(text, ranges), count: places.length, moved };
}
