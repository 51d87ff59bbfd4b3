import type { LocksResult } from '../operations/locks.ts';
import type { Holder } from '../protocol/holders.ts';
import { describeApplication } from '../server/application.ts';
import { describeBlockers } from '../server/blockers.ts';
import { printable, schemaAndDatabase, titledTable } from './table.ts';

/** One line per lock held or awaited, then what waiting sessions wait for, then incomplete migrations. */
export function locksText({ holders, incomplete, databases }: LocksResult): string {
  const nameOf = (schema: string, database: string) =>
    printable(schemaAndDatabase({ schema, database: databases && database }));
  const rows = holders.map((holder) => [
    nameOf(holder.key, holder.database),
    holder.granted ? 'held' : 'waits',
    holder.exclusive ? 'exclusive' : 'shared',
    `${holder.seconds} s`,
    `backend ${holder.pid}`,
    holder.client ?? 'local',
    holderText(holder),
  ]);
  const left = incomplete.map(
    ({ schema, database, message }) =>
      `${nameOf(schema, database)}: ${message}, and no session holds its lock\n`,
  );
  const waiting = new Map(holders.map((holder) => [`${holder.database} ${holder.pid}`, holder]));
  const blocked = [...waiting.values()].flatMap(({ pid, key, database, blockers }) =>
    blockers.length === 0
      ? []
      : [`${nameOf(key, database)}: backend ${pid} waits for ${printable(describeBlockers(blockers))}\n`],
  );
  const none = holders.length === 0 && incomplete.length === 0 ? 'no locks are held\n' : '';
  return titledTable(titles, rows) + blocked.join('') + left.join('') + none;
}

const titles = ['schema', 'state', 'mode', 'since', 'backend', 'client', 'session'];

/** A holder in words. */
export function holderText({ application, activity, indexBuild }: Holder): string {
  const waits =
    indexBuild?.waitsFor === null || indexBuild === null ? '' : `, waits for backend ${indexBuild.waitsFor}`;
  const build = indexBuild === null ? '' : `, index build: ${indexBuild.phase}${waits}`;
  return `${printable(describeApplication(application))} (${activity}${build})`;
}
