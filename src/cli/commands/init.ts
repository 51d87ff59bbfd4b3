import { SqlmigError } from '../../errors.ts';
import { type InspectedDatabase, inspectDatabase } from '../../operations/inspect-database.ts';
import { createProject, defaultQuery, findMigrations, refuseProject } from '../../project/new-project.ts';
import type { Proposal, TenantChoice } from '../../project/proposal.ts';
import { foundText, sourceText } from '../../report/init.ts';
import { count } from '../../report/table.ts';
import { commandLine } from '../../text/command-line.ts';
import { defineCommand } from '../command.ts';
import { loadUntil } from '../execute.ts';
import { nextCommand } from '../next-command.ts';
import { type GlobalArgs, nameList, overridesOf, usage } from '../options.ts';
import type { Terminal } from '../terminal.ts';

/** `sqlmig init`. */
export const initCommand = defineCommand()({
  name: 'init',
  describe: 'Create a config and migration folders for an existing or new database',
  options: {
    query: {
      type: 'string',
      takes: 'QUERY',
      describe: 'SQL query that returns the tenant schema names',
    },
    pattern: {
      type: 'string',
      takes: 'PATTERN',
      describe: 'SQL LIKE pattern matching tenant schema names',
    },
    list: {
      type: 'string',
      takes: 'NAMES',
      describe: 'Fixed list of tenant schemas: a,b',
    },
    sample: {
      type: 'boolean',
      default: false,
      describe: 'Add sample migrations that create tables and two tenants',
    },
  },
  examples: [
    ['init', 'inspect the database, propose a config, and ask for confirmation in a terminal'],
    ["init --pattern 'tenant_%'", 'schemas whose names start with tenant_ are tenants'],
    ['init --sample', 'add sample migrations to try'],
  ],
  needsDatabase: false,
  prepare: (args, terminal) => {
    const given: TenantChoice[] = [
      ...(args.query === undefined ? [] : [{ kind: 'query', query: args.query } as const]),
      ...(args.pattern === undefined ? [] : [{ kind: 'pattern', pattern: args.pattern } as const]),
      ...(args.list === undefined ? [] : [{ kind: 'list', list: nameList([args.list]) } as const]),
    ];
    if (given.length > 1)
      throw usage('--query, --pattern and --list cannot be combined', 'give only one of them');
    return async () => {
      refuseProject(terminal.cwd);
      const inspected = await inspect(args, terminal);
      const found =
        'facts' in inspected ? foundText(inspected.database, inspected.facts, inspected.proposal) : '';
      if (terminal.askText !== null) terminal.stderr(found);
      const proposal = 'proposal' in inspected ? inspected.proposal : null;
      const proposed: TenantChoice = args.sample
        ? { kind: 'query', query: defaultQuery }
        : (proposal?.tenants ?? { kind: 'history' });
      const tenants = given[0] ?? (await ask(terminal, proposed, likelyIn(proposal)));
      if (terminal.signal.aborted)
        throw new SqlmigError('interrupted', 'interrupted before anything was created', {
          hint: 'run it again',
        });
      const historyTable = proposal?.historyTable ?? null;
      const { files } = createProject(terminal.cwd, {
        tenants,
        historyTable,
        sample: args.sample,
        now: new Date(),
      });
      const existing = findMigrations(terminal.cwd);
      const hasDatabase = !('none' in inspected);
      const { embedded, sample } = args;
      const next = nextCommand({ proposal, hasDatabase, embedded, sample }, terminal);
      const adoptsFiles = files.some(isKeeper) && proposal?.next === 'status' && !sample;
      return {
        exitCode: 0,
        json: { files, found: existing, tenants, database: databaseJson(inspected), next },
        text: () => files.map((file) => `${file}\n`).join(''),
        summary: [
          'error' in inspected ? `the database was not inspected: ${inspected.error.message}\n` : '',
          terminal.askText === null ? found : '',
          sourceText(tenants),
          ...existing.map(
            ({ folder, files: n }) =>
              `found ${count(n, 'migration file')} in ${folder}; set publicDir or tenantDir to use them, or convert another tool's files with: ${commandLine('adopt', '--convert', folder)}\n`,
          ),
          hasHistories(inspected) ? adoptNote : '',
          adoptsFiles ? keepers : '',
          args.url === undefined ? '' : urlNote,
          `next:\n  ${next}\n`,
        ].join(''),
      };
    };
  },
});

/** The schemas that look like tenants; `undefined` if none do. */
function likelyIn(proposal: Proposal | null): readonly string[] | undefined {
  const likely = proposal === null ? [] : [...(proposal.alike?.schemas ?? []), ...proposal.similar];
  return likely.length === 0 ? undefined : likely;
}

// A history without its files would only be reported as missing files.
const keepers = 'copy its migrations into sql/public and sql/tenant first\n';
const adoptNote = "see how to take over another tool's history with: sqlmig adopt\n";
const hasHistories = (inspected: Inspected) => 'facts' in inspected && inspected.facts.histories.length > 0;
const urlNote = 'set DATABASE_URL to the same URL, so that the next commands need no --url\n';
const isKeeper = (file: string) => file.endsWith('.gitkeep');

/** A database: what it contains, why it could not be read, or that none is configured. */
type Inspected = InspectedDatabase | { readonly error: SqlmigError } | { readonly none: true };

/** Inspects the configured database. An error does not keep the project from being created. */
async function inspect(args: GlobalArgs, { cwd, env, signal }: Terminal): Promise<Inspected> {
  if (args.embedded) return { none: true };
  try {
    return await inspectDatabase(
      await loadUntil(signal, { cwd, env, file: args.config, overrides: overridesOf(args) }),
      {
        signal,
      },
    );
  } catch (error) {
    if (!(error instanceof SqlmigError)) throw error;
    return error.code === 'no-database-url' ? { none: true } : { error };
  }
}

function databaseJson(inspected: Inspected) {
  if ('none' in inspected) return null;
  if ('error' in inspected) return { error: inspected.error.details };
  const { database: name, facts, proposal } = inspected;
  return { name, histories: facts.histories, own: facts.own, proposal };
}

/** Asks where the tenants come from; without a terminal the answer is what is proposed. */
async function ask(
  { askText }: Terminal,
  proposed: TenantChoice,
  alike: readonly string[] = ['acme', 'globex'],
): Promise<TenantChoice> {
  if (askText === null) return proposed;
  const usual = proposed.kind === 'history' ? 'none' : proposed.kind;
  const how = await askText(`Where do the tenant names come from? (query, pattern, list, none) [${usual}] `);
  const is = (kind: string) => kind.startsWith((how.toLowerCase() || usual)[0] ?? '');
  if (is('none')) return { kind: 'history' };
  if (is('pattern')) {
    const pattern = proposed.kind === 'pattern' ? proposed.pattern : 'tenant\\_%';
    return { kind: 'pattern', pattern: (await askText(`Names like [${pattern}] `)) || pattern };
  }
  if (is('list')) {
    const text = await askText(`Tenants [${alike.map((name) => name.replaceAll(',', '\\,')).join(',')}] `);
    return { kind: 'list', list: text === '' ? alike : nameList([text]) };
  }
  const query = proposed.kind === 'query' ? proposed.query : defaultQuery;
  return { kind: 'query', query: (await askText(`Query [${query}] `)) || query };
}
