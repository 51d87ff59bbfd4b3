import type { RoleSessions } from '../move/surroundings.ts';
import type { AdoptedPublic, PublicMove } from '../operations/adopt-public.ts';
import { countsText } from './adopt.ts';
import { importsText } from './adopt-history.ts';
import { count, names, paragraph, placeLine, printable } from './table.ts';

/** The contents of public, and the planned move. */
export function publicMoveText(plan: PublicMove): string {
  const { schema, as, way, whyMove, rehearsal } = plan;
  const ways = {
    rename: `the schema is renamed and ${printable(schema)} created again: no lock on tables that move`,
    move: `each object is moved separately, which locks every table: the rename was refused (${printable(whyMove ?? '')})`,
  };
  const how = way === null ? [] : [ways[way]];
  const time =
    rehearsal === null
      ? []
      : [
          `rehearsed in ${rehearsal.durationMs} ms with ${count(rehearsal.locks, 'lock')}, ${rehearsal.exclusiveLocks} of them exclusive on relations`,
        ];
  return (
    contentsText(plan) +
    lines('how', [...how, ...time]) +
    changesText(plan) +
    historyText(plan) +
    rolesText(plan.roles, { schema, as }) +
    notesText(plan.notes)
  );
}

function lines(title: string, list: readonly string[]): string {
  return list.length === 0 ? '' : paragraph(title, list);
}

/** What moves and what stays. */
function contentsText(plan: PublicMove): string {
  const { schema, as, counts, stays, extensions } = plan;
  const kept = stays
    .filter(({ because }) => because !== 'history')
    .map(({ kind, name }) => `${kind} ${name}`);
  return (
    placeLine(plan) +
    lines(`${printable(schema)} becomes ${printable(as)}`, [
      `moves: ${countsText(counts)}`,
      ...(kept.length === 0 ? [] : [`stays: ${names(kept, 10)}`]),
      ...(extensions.length === 0
        ? []
        : [`stays: ${count(extensions.length, 'extension')} ${names(extensions, 10)}`]),
    ])
  );
}

function changesText({ rewrites, paths }: PublicMove): string {
  return (
    lines(
      'functions whose text is changed',
      rewrites.flatMap(({ identity, lines: own }) => [
        printable(identity),
        ...own.map((line) => `  ${printable(line)}`),
      ]),
    ) +
    lines(
      'functions whose search_path is changed',
      paths.map(({ identity, from, to }) =>
        printable(`${identity}: ${from.join(', ')} becomes ${to.join(', ')}`),
      ),
    )
  );
}

function historyText({ ownHistory, imports, schema, as }: PublicMove): string {
  if (ownHistory !== null) {
    const { moved, stays } = ownHistory;
    return lines('history', [
      `${count(moved, 'migration')} recorded in ${printable(as)}, ${stays} in ${printable(schema)}`,
    ]);
  }
  return imports.length > 0 ? importsText(imports) : '';
}

/** The settings that the application's roles need before the move. */
function rolesText(
  roles: readonly RoleSessions[],
  { schema, as }: { readonly schema: string; readonly as: string },
): string {
  const open = roles.filter(({ isReady, sessions }) => !isReady && sessions > 0);
  const ready = roles.filter(({ isReady, older }) => isReady && (older ?? 0) > 0);
  return lines('sessions', [
    ...open.map(
      ({ role, sessions, searchPath }) =>
        `${printable(role)}: ${count(sessions, 'session')}, search_path ${printable(searchPath)}; first: ${alterRole(role, as, schema)}`,
    ),
    ...ready.map(
      ({ role, older }) =>
        `${printable(role)}: ${count(older ?? 0, 'session')} older than its search_path; make them reconnect first`,
    ),
  ]);
}

function alterRole(role: string, as: string, schema: string): string {
  return `alter role ${quoted(role)} set search_path = ${quoted(as)}, ${quoted(schema)}`;
}

function quoted(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${printable(name).replaceAll('"', '""')}"`;
}

function notesText(notes: readonly string[]): string {
  return lines('note', notes.map(printable));
}

/** Why nothing is done. */
export function obstaclesText(plan: PublicMove): string {
  const { obstacles } = plan;
  const found = obstacles.map(
    ({ message, hint }) => `refused: ${printable(message)}\n  hint: ${printable(hint)}\n`,
  );
  return `${contentsText(plan)}${found.join('')}nothing was changed\n`;
}

/** How it ended. */
export function movedText(result: AdoptedPublic, isRehearsal: boolean): string {
  const { moved, as, rehearsal } = result;
  if (moved === null)
    return isRehearsal && rehearsal !== null ? 'everything was rolled back\n' : 'nothing was changed\n';
  const took =
    moved.durationMs === 0
      ? ''
      : ` in ${moved.durationMs} ms, ${count(moved.tries, 'try', 'tries')}, ${count(moved.locks, 'lock')}`;
  return `adopted  ${printable(as)}${took}\n${nextText(result)}`;
}

function nextText({ as, imports, ownHistory, mustList }: AdoptedPublic): string {
  if (imports.length > 0 || ownHistory !== null) return '';
  const list = mustList ? ` list it in "tenants" of the config, then` : '';
  return `${printable(as)} has no history yet:${list} record its files with: sqlmig adopt --baseline VERSION --all\n`;
}
