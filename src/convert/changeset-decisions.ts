import { type Changeset, changesetsOf, conditionOf } from '../history/import/changesets.ts';
import type { DecisionAt } from './decision-at.ts';

/** The changesets of Liquibase that sqlmig runs in other cases than Liquibase does. */
export function changesetDecisions(text: string): DecisionAt[] {
  return changesetsOf(text).flatMap((changeset): DecisionAt[] => {
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

function conditional({ index }: Changeset, when: string): DecisionAt {
  return [
    index,
    `Liquibase runs this changeset only ${when}, and sqlmig runs it in every schema`,
    'remove it if new schemas do not need it',
  ];
}

function repeated({ index }: Changeset, attribute: string): DecisionAt {
  return [
    index,
    `Liquibase runs this changeset again (${attribute}), and sqlmig runs it once`,
    'move it to a file named R__<name>.sql, which runs again when it changes',
  ];
}
