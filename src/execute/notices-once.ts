import type { NoticeSource, ServerNotice } from '../server/notice.ts';
import type { Script } from '../sql/migration.ts';

type OnNotice = (notice: ServerNotice, source: NoticeSource) => void;

/** Passes on notices, and those of files that run a second time only if they are new. */
export interface NoticesOnce {
  readonly onNotice: OnNotice;
  /** These files run again. */
  again(scripts: readonly Script[]): void;
}

/** For the notices of files that may be rolled back and sent again. */
export function noticesOnce(onNotice: OnNotice): NoticesOnce {
  const told: (readonly [key: string, files: readonly Script[]])[] = [];
  const owed: string[] = [];
  return {
    onNotice(notice, source) {
      const key = `${notice.code} ${notice.message}`;
      const seen = owed.indexOf(key);
      if (seen !== -1) return void owed.splice(seen, 1);
      told.push([key, source.scripts]);
      onNotice(notice, source);
    },
    again(scripts) {
      const open = new Set(scripts);
      owed.length = 0;
      owed.push(...told.filter(([, files]) => files.some((file) => open.has(file))).map(([key]) => key));
    },
  };
}
