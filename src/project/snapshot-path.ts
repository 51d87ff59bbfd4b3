import { join } from 'node:path';
import type { Config } from './config.ts';

/** The path of the snapshot: beside the folder of the tenant files, with a name that no migration can have. */
export function snapshotPath({ tenantDir }: Pick<Config, 'tenantDir'>): string {
  return `${join(tenantDir, '.')}.snapshot.sql`;
}
