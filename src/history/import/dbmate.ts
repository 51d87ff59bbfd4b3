import type { HistoryReader } from './history-reader.ts';
import { railsReader } from './rails.ts';

/** dbmate. Its table is the one of Rails before 5, without `ar_internal_metadata`: both are read alike. */
export const dbmateReader: HistoryReader = {
  ...railsReader,
  tool: 'dbmate or Rails',
  caveat:
    'dbmate and Rails before version 5 have the same table; both record only versions, so both are read the same way',
};
