import type { SourceFile } from '../history/import/history-reader.ts';
import { checksumOf } from '../project/decode.ts';
import { fileNameOf, parseFileName } from '../project/file-name.ts';
import type { Scope } from '../results.ts';
import { asksForNoTransaction } from '../sql/directives.ts';
import { withSemicolon } from '../sql/ranges.ts';
import { type CreatedObjects, createdObjects } from './created-objects.ts';
import { type Decision, decisionsIn, type PlacedProblem } from './decisions.ts';
import { noTransactionMark, without } from './directions.ts';
import { type Draft, draftsOf, parsedText } from './drafts.ts';
import { type KeptObjects, keptObjects, nothingKept, placementOf } from './kept.ts';
import { type LeftOut, layOut } from './layout.ts';
import type { FileOrigin } from './manifest.ts';
import { qualifiedNames } from './qualified-names.ts';

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
  const drafts = (await Promise.all(layout.migrations.map(draftsOf))).flat();
  const texts = drafts.flatMap(({ undoes, parsed }) => (undoes || parsed === null ? [] : parsed));
  const created = createdObjects(texts, rules.schema);
  const kept = rules.into === 'public' ? nothingKept : keptObjects(rules.keep, texts, created);
  const context = { rules, created, kept };
  const files: ConvertedFile[] = [];
  const decisions: Decision[] = [];
  for (const draft of drafts) {
    for (const part of await partsOf(draft, context)) {
      files.push(part.file);
      decisions.push(...part.decisions);
    }
  }
  return {
    tool: layout.tool,
    files,
    notConverted: drafts.flatMap(({ source, whyEmpty: why }) =>
      why === undefined ? [] : [{ file: source.path, why }],
    ),
    leftOut: layout.leftOut,
    decisions,
  };
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
