import type { Config } from '../project/config.ts';
import { type DatabaseFacts, type Proposal, propose } from '../project/proposal.ts';
import { callerOf } from '../run/caller.ts';
import { withRun } from '../run/run.ts';
import { readFacts } from '../structure/facts.ts';

/** A database that a new project is for, and what the project should look like. */
export interface InspectedDatabase {
  readonly database: string;
  readonly facts: DatabaseFacts;
  readonly proposal: Proposal;
}

/**
 * Reads the schemas and histories of a database and proposes where its tenants come from. Writes nothing.
 * @throws SqlmigError if the database cannot be reached or read.
 */
export async function inspectDatabase(
  config: Config,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<InspectedDatabase> {
  const { publicSchema, historyTable } = config;
  return withRun(config, callerOf({ signal }), async ({ read, database }) => {
    const facts = await read((session) => readFacts(session, publicSchema, historyTable));
    return { database, facts, proposal: propose(facts, config) };
  });
}
