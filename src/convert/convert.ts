import type { SourceFile } from '../history/import/history-reader.ts';
import { checksumOf } from '../project/decode.ts';
import { fileNameOf, parseFileName } from '../project/file-name.ts';
import type { Scope } from '../results.ts';
import { asksForNoTransaction } from '../sql/directives.ts';
import { restrictions } from '../sql/dump.ts';
import { parseStatements } from '../sql/parse.ts';
import { blankOut, withSemicolon } from '../sql/ranges.ts';
import { copiedRowsAsInserts } from './copied-rows.ts';
import { type CreatedObjects, createdObjects, type ParsedText } from './created-objects.ts';
import { type Decision, decisionsIn, type PlacedProblem } from './decisions.ts';
import { type Directions, noTransactionMark, splitDirections, without } from './directions.ts';
import { type KeptObjects, keptObjects, nothingKept, placementOf } from './kept.ts';
import { type Layout, type LeftOut, layOut, type NumberedFile } from './layout.ts';
import type { FileOrigin } from './manifest.ts';
import { qualifiedNames } from './qualified-names.ts';
import { sqlInCode } from './sql-in-code.ts';

/** The rules of a conversion. */
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
  /** Migrations in other languages than SQL, which became empty files. */
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
  const created = createdObjects(texts, rules.schema);
  const kept = rules.into === 'public' ? nothingKept : keptObjects(rules.keep, texts, created);
  const context = { rules, created, kept };
  const files: ConvertedFile[] = [];
  const decisions: Decision[] = [];
  for (const draft of drafts.flat()) {
    for (const part of await partsOf(draft, context)) {
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
    .filter(({ file }) => file.language === 'other' && directionsInCode(file.source) === null)
    .map(({ file: { source } }) => ({ file: source.path, why: 'it is not SQL' }));
}

/** One direction of a migration, without the marks of its tool. */
interface Draft {
  readonly numberedFile: NumberedFile;
  readonly source: SourceFile;
  readonly undoes: boolean;
  readonly text: string;
  /** `null` if it does not parse. */
  readonly parsed: ParsedText | null;
  readonly changes: readonly string[];
}

async function draftsOf(numberedFile: NumberedFile): Promise<Draft[]> {
  const { file, down } = numberedFile;
  const { source } = file;
  const draft = async (text: string, more: Pick<Draft, 'source' | 'undoes' | 'changes'>): Promise<Draft> => ({
    numberedFile,
    text,
    parsed: await parsedText(text),
    ...more,
  });
  const code = file.language === 'other' ? directionsInCode(source) : null;
  if (file.language === 'other' && code === null) {
    return [
      await draft(emptyFile(source.path), { source, undoes: false, changes: ['empty: it is not SQL'] }),
    ];
  }
  const directions = code ?? directionsOf(source);
  const { changes } = directions;
  const downFile = directionsOf(down);
  const [from, undoing] = down === null ? [source, directions.down] : [down, downFile.down || downFile.up];
  return [
    await draft(directions.up, { source, undoes: false, changes }),
    ...(undoing.trim() === '' || file.kind === 'repeatable'
      ? []
      : [await draft(undoing, { source: from, undoes: true, changes })]),
  ];
}

/** The two directions of a file, with INSERT in place of COPY FROM STDIN. */
function directionsOf(source: SourceFile | null): Directions {
  // The rows come first, because they are not SQL, and the marks of a tool are in SQL comments.
  const { text, count } = copiedRowsAsInserts(source?.text ?? '');
  const isMarked = isAutocommit(source?.path ?? '') && !asksForNoTransaction(text);
  const directions = splitDirections(isMarked ? noTransactionMark + text : text);
  const changes = [
    ...(count === 0 ? [] : ['COPY FROM STDIN rewritten as INSERT']),
    ...(isMarked ? ['no-transaction mark added'] : []),
  ];
  return { ...directions, changes: [...changes, ...directions.changes] };
}

/** The SQL of a migration in code, if it has nothing else. */
function directionsInCode({ path, text }: SourceFile): Directions | null {
  const found = sqlInCode(path, text);
  if (found === null) return null;
  const marked = (direction: 'up' | 'down') => {
    const sql = found[direction] ?? '';
    return found.isOutside[direction] && sql !== '' ? noTransactionMark + sql : sql;
  };
  const changes = [
    'SQL taken from the code',
    ...(found.down === null ? ['the code that undoes it left out'] : []),
  ];
  return { up: marked('up'), down: marked('down'), changes };
}

/** Whether pop runs a file outside a transaction. */
function isAutocommit(path: string): boolean {
  return /\.autocommit\.(?:up|down)\.sql$/.test(path);
}

function emptyFile(path: string): string {
  return `-- ${path.replaceAll(/[\r\n]/g, ' ')} is not SQL. This file is empty, so that its version can be recorded as applied.\n-- New schemas need its changes: write them here, in SQL, before any schema has run this file.\n`;
}

async function parsedText(text: string): Promise<ParsedText | null> {
  const plain = blankOut(text, restrictions(text));
  const parsed = await parseStatements(plain);
  return 'problem' in parsed ? null : { text: plain, statements: parsed.statements };
}

interface ConversionContext {
  readonly rules: ConversionRules;
  readonly created: CreatedObjects;
  readonly kept: KeptObjects;
}

interface Part {
  readonly file: ConvertedFile;
  readonly decisions: readonly Decision[];
}

async function partsOf(draft: Draft, context: ConversionContext): Promise<Part[]> {
  const { rules } = context;
  const shares = divide(draft, context);
  const isSplit = shares.length > 1;
  return Promise.all(
    shares.map(async ({ scope, text, problems }) => {
      const stripped =
        scope === 'public'
          ? { text, count: 0, moved: problems }
          : await withoutSchema(text, problems, context);
      const changes = [
        ...draft.changes,
        ...(isSplit ? ['divided between public and tenants'] : []),
        ...(stripped.count > 0 ? [`"${rules.schema}." removed ${timesText(stripped.count)}`] : []),
      ];
      const name = nameOf(draft);
      const { source, undoes } = draft;
      const { version, file } = draft.numberedFile;
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
        decisions: await decisionsIn(examined, { schema: rules.schema, ...context }),
      };
    }),
  );
}

function timesText(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

function nameOf({ numberedFile: { version, file }, undoes }: Draft): string {
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

/** Divides a text between public and the tenants, each statement with the comments before it. */
function divide({ parsed, text }: Draft, { rules, created, kept }: ConversionContext): Share[] {
  if (rules.keep.length === 0 || parsed === null) return [{ scope: rules.into, text, problems: [] }];
  const parts = { public: '', tenant: '' };
  const counts = { public: 0, tenant: 0 };
  const problems: PlacedProblem[] = [];
  let done = 0;
  for (const statement of parsed.statements) {
    const { end } = withSemicolon(text, statement);
    const to = end + (/^[ \t]*(?:--[^\r\n]*)?(?:\r\n|\r|\n)/.exec(text.slice(end))?.[0].length ?? 0);
    const { place, problem } = placementOf(statement, kept, created);
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
  const [forPublic, forTenant] = [withMark(parts.public, text), withMark(parts.tenant + rest, text)];
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

/** A part of a text, with the no-transaction mark of the whole text. */
function withMark(part: string, whole: string): string {
  return asksForNoTransaction(whole) && !asksForNoTransaction(part) ? noTransactionMark + part : part;
}

/** Removes the schema from names of tenant objects, and shifts the positions of problems accordingly. */
async function withoutSchema(
  text: string,
  problems: readonly PlacedProblem[],
  { rules, created, kept }: ConversionContext,
) {
  const parsed = await parsedText(text);
  if (parsed === null) return { text, count: 0, moved: problems };
  const places = (await qualifiedNames(parsed, rules.schema)).filter(
    ({ name, kind }) => created.has(name, kind) && !kept.has(name, kind),
  );
  const ranges = places.flatMap(({ qualifier }) => qualifier);
  const moved = problems.map(({ index, problem }) => ({
    index: ranges.reduce((at, { start, end }) => (end <= index ? at - (end - start) : at), index),
    problem,
  }));
  return { text: without(text, ranges), count: places.length, moved };
}
