import type { HistoryReader, RecordedMigration, SourceFile } from './history-reader.ts';

/** Alembic: `alembic_version` has the heads alone; the Python files, or the SQL made of them, say what comes before them. */
export const alembicReader: HistoryReader = {
  tool: 'Alembic',
  form: { columns: ['version_num'], time: null, order: ['version_num'] },
  checksum: null,
  keysOf(file) {
    const revision = revisionOf(file);
    return revision === null ? [] : [revision.id];
  },
  recorded({ rows }, files) {
    const revisions = new Map(
      files.flatMap((file) => revisionOf(file) ?? []).map((revision) => [revision.id, revision]),
    );
    const applied = new Set<string>();
    const visit = (id: string) => {
      if (applied.has(id)) return;
      const { parents = [], dependencies = [] } = revisions.get(id) ?? {};
      for (const parent of parents) visit(parent);
      // The table has no row for a revision on which a newer one depends.
      for (const dependency of dependencies) if (revisions.has(dependency)) visit(dependency);
      applied.add(id);
    };
    for (const { version_num } of rows) visit(version_num ?? '');
    return [...applied].map(
      (id): RecordedMigration => ({ name: id, keys: [id], appliedAt: null, checksum: null }),
    );
  },
  caveat: 'it records only the newest revisions: earlier ones are read from the files',
};

interface Revision {
  readonly id: string;
  readonly parents: readonly string[];
  /** Revisions of other branches, or labels of branches. */
  readonly dependencies: readonly string[];
}

function revisionOf({ text }: SourceFile): Revision | null {
  const id = /^revision\b[^=\n]*=\s*['"]([^'"]+)['"]/m.exec(text)?.[1];
  if (id === undefined) return upgradeIn(text);
  return { id, parents: namesIn('down_revision', text), dependencies: namesIn('depends_on', text) };
}

function namesIn(variable: string, text: string): string[] {
  const list = new RegExp(`^${variable}\\b[^=\\n]*=\\s*([([][^)\\]]*|[^\\n#]*)`, 'm').exec(text)?.[1] ?? '';
  return [...list.matchAll(/['"]([^'"]+)['"]/g)].map(([, name]) => name ?? '');
}

// `alembic upgrade FROM:TO --sql` writes this line before the statements of each revision.
function upgradeIn(text: string): Revision | null {
  const [, parents = '', id] = /^-- Running upgrade (.*?) ?-> (\w+)/m.exec(text) ?? [];
  return id === undefined
    ? null
    : { id, parents: parents.split(/,\s*/).filter((parent) => parent !== ''), dependencies: [] };
}
