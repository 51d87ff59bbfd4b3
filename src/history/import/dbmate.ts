import type { HistoryReader } from './history-reader.ts';
import { railsReader } from './rails.ts';

/** dbmate, in whose table the version has at most 128 characters. */
export const dbmateReader: HistoryReader = { ...railsReader, tool: 'dbmate' };

/** A table that dbmate before version 2 and Rails before version 5 have. */
export const dbmateOrRailsReader: HistoryReader = {
  ...railsReader,
  tool: 'dbmate or Rails',
  caveat:
    'dbmate and Rails before version 5 have the same table; both record only versions, so both are read the same way',
};
