import { type Changeset, changesetsOf, conditionOf } from '../history/import/changesets.ts';

/** An index into the text, what is to be decided there, and what to do about it. */
type Place = readonly [index: number, what: string, cure: string];

/** The changesets of Liquibase that sqlmig runs in other cases than Liquibase does. */
export function changesetDecisions(text: string): Place[] {
  return changesetsOf(text).flatMap((changeset): Place[] => {
    const condition = conditionOf(changeset);
    const repeating = changeset.attributes.find(
      ([name, value]) => /^(?:runOnChange|runAlways)$/i.test(name) && value.toLowerCase() === 'true',
    );
    return [
      ...(condition === null ? [] : [conditional(changeset, `with ${condition}`)]),
      ...(changeset.hasPreconditions ? [conditional(changeset, 'if its preconditions hold')] : []),
      ...(repeating === undefined ? [] : [repeated(changeset, repeating[0])]),
    ];
  });
}

function conditional({ index }: Changeset, when: string): Place {
  return [
    index,
    `Liquibase runs this changeset only ${when}, and sqlmig runs it in every schema`,
    'remove it if new schemas do not need it',
  ];
}

function repeated({ index }: Changeset, attribute: string): Place {
  return [
    index,
    `Liquibase runs this changeset again (${attribute}), and sqlmig runs it once`,
    'move it to a file named R__<name>.sql, which runs again when it changes',
  ];
}
