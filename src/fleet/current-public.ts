import { newestVersion } from '../project/version.ts';
import { readPublicTarget } from '../state/fleet-state.ts';
import type { Target } from '../state/target.ts';
import { publicBehind } from './gate.ts';
import type { MigrationRun } from './migrator.ts';

/** The present state of public. @throws SqlmigError `public-behind` if it has pending migrations. */
export async function currentPublic({ run, source }: Pick<MigrationRun, 'run' | 'source'>): Promise<Target> {
  const shared = await run.read((_, reader) => readPublicTarget(reader, source));
  const behind = newestVersion(shared.plan.steps);
  if (behind !== null) throw publicBehind(behind);
  return shared;
}
