import { isListOf } from '../history/import/file-layout.ts';
import type { SourceFile } from '../history/import/history-reader.ts';

/** The deploy files of Sqitch in the order of its plan; `null` without a plan. */
export function plannedFiles(sources: readonly SourceFile[]): readonly string[] | null {
  const plan = sources.find(({ path }) => isListOf('Sqitch', path));
  if (plan === undefined) return null;
  const folder = `${plan.path.slice(0, -'sqitch.plan'.length)}deploy/`;
  const paths = new Set(sources.map(({ path }) => path));
  const entries = namesIn(plan.text);
  return entries.flatMap((name, i) => {
    if (name.startsWith('@')) return [];
    const again = entries.indexOf(name, i + 1);
    // A change that was reworked keeps its old file under a tag between the two.
    const tags = again === -1 ? [] : entries.slice(i, again).filter((entry) => entry.startsWith('@'));
    const names = tags.map((tag) => `${folder}${name}${tag}.sql`);
    return [names.find((path) => paths.has(path)) ?? `${folder}${name}.sql`];
  });
}

/** The changes and tags of a plan; a tag begins with `@`. */
function namesIn(plan: string): string[] {
  return plan.split(/\r\n|\n|\r/).flatMap((line) => {
    const [, name] = /^\s*\+?\s*([^\s#%[]\S*)/.exec(line) ?? [];
    return name === undefined ? [] : [name];
  });
}
