/** A changeset of Liquibase in a file with SQL. */
export interface Changeset {
  /** `author:id`; empty if the file has no changeset of its own. */
  readonly id: string;
  /** UTF-16 index of its header. */
  readonly index: number;
  /** What Liquibase hashes. */
  readonly text: string;
  /** Such as `context` and `test` of `context:test`. */
  readonly attributes: readonly (readonly [name: string, value: string])[];
  readonly hasPreconditions: boolean;
  /** No attribute changes what Liquibase hashes. */
  readonly isPlain: boolean;
}

const header = /^--[ \t]*changeset[ \t]+([^\s:]+):([^\s]+)(.*)$/im;
const precondition = /^--[ \t]*(?:preconditions?|precondition-[\w-]+)\b/im;
const notHashed = /^--[ \t]*(?:rollback|comment|preconditions?|precondition-[\w-]+)\b.*$/gim;
const attribute = /(\w+):(?:"([^"]*)"|(\S+))/g;

/** The changesets of a file; one without an id for a file that has no headers. */
export function changesetsOf(text: string): Changeset[] {
  const starts = [...text.matchAll(/^--[ \t]*changeset[ \t]/gim)].map(({ index }) => index);
  if (starts.length === 0)
    return [{ id: '', index: 0, text, attributes: [], hasPreconditions: false, isPlain: true }];
  return starts.map((index, i) => {
    const part = text.slice(index, starts[i + 1]);
    const [line = '', author, id, rest = ''] = header.exec(part) ?? [];
    return {
      id: `${author}:${id}`,
      index,
      text: part.slice(line.length).replace(notHashed, ''),
      attributes: [...rest.matchAll(attribute)].map(([, name = '', quoted, plain = '']) => [
        name,
        quoted ?? plain,
      ]),
      hasPreconditions: precondition.test(part),
      isPlain: rest.trim() === '',
    };
  });
}

/** The attribute by which Liquibase may leave a changeset out, as the file has it; `null` if none does. */
export function conditionOf({ attributes }: Changeset): string | null {
  const found = attributes.find(
    ([name, value]) =>
      /^(?:context(?:s|filter)?|labels?)$/i.test(name) || (/^dbms$/i.test(name) && !runsHere(value)),
  );
  return found === undefined ? null : found.join(':');
}

function runsHere(databases: string): boolean {
  const names = databases.toLowerCase().split(/[\s,]+/);
  return (
    names.some((name) => name === 'postgresql' || name === 'all') ||
    names.every((name) => /^!(?!postgresql)/.test(name))
  );
}
