import { SqlmigError } from '../../errors.ts';
import {
  createProject,
  defaultQuery,
  findMigrations,
  refuseProject,
} from '../../operations/create-project.ts';
import { lookAround, type Surroundings } from '../../operations/look-around.ts';
import { loadConfig } from '../../project/config.ts';
import type { TenantChoice } from '../../project/proposal.ts';
import { foundText, sourceText } from '../../report/init.ts';
import { count } from '../../report/table.ts';
import { defineCommand } from '../command.ts';
import { execute } from '../execute.ts';
import { type GlobalArgs, nameList, overridesOf, usage } from '../options.ts';
import type { Terminal } from '../terminal.ts';

/** `sqlmig init`. */
export const initCommand = defineCommand()({
  name: 'init',
  describe: 'PlanBasis at the database, write a config that fits it, and empty folders',
  options: {
    query: { type: 'string', requiresArg: true, describe: 'SQL that gives the names of the tenants' },
    pattern: { type: 'string', requiresArg: true, describe: 'LIKE pattern that the names of tenants fit' },
    list: { type: 'string', requiresArg: true, describe: 'The tenants: a,b' },
    sample: {
      type: 'boolean',
      default: false,
      describe: 'Write a first file into each folder, which make tables and two tenants',
    },
  },
  examples: [
    ['init', 'proposes what it finds in the database, and asks in a terminal'],
    ["init --pattern 'tenant_%'", 'tenants are the schemas whose names begin so'],
    ['init --sample', 'with files to try it with'],
  ],
  run: (args, terminal) =>
    execute(
      args,
      terminal,
      () => {
        const given: TenantChoice[] = [
          ...(args.query === undefined ? [] : [{ kind: 'query', query: args.query } as const]),
          ...(args.pattern === undefined ? [] : [{ kind: 'pattern', pattern: args.pattern } as const]),
          ...(args.list === undefined ? [] : [{ kind: 'list', list: nameList([args.list]) } as const]),
        ];
        if (given.length > 1) throw usage('give one of --query, --pattern and --list');
        return async () => {
          refuseProject(terminal.cwd);
          const seen = await look(args, terminal);
          const around = 'facts' in seen ? seen : null;
          const found = around === null ? '' : foundText(around.database, around.facts, around.proposal);
          if (terminal.askText !== null) terminal.stderr(found);
          const proposed: TenantChoice = args.sample
            ? { kind: 'query', query: defaultQuery }
            : (around?.proposal.tenants ?? { kind: 'history' });
          const tenants = given[0] ?? (await ask(terminal, proposed, around?.proposal.alike?.schemas));
          const historyTable = around?.proposal.historyTable ?? null;
          const { files } = createProject(terminal.cwd, { tenants, historyTable, sample: args.sample });
          const there = await findMigrations(terminal.cwd);
          const next = nextCommand(args, seen);
          return {
            exitCode: 0,
            json: { files, found: there, tenants, database: databaseJson(seen), next: `sqlmig ${next}` },
            text: () => files.map((file) => `${file}\n`).join(''),
            summary: [
              'error' in seen ? `the database was not looked at: ${seen.error.message}\n` : '',
              terminal.askText === null ? found : '',
              sourceText(tenants),
              ...there.map(
                ({ folder, files: n }) =>
                  `found ${count(n, 'migration')} in ${folder}: publicDir or tenantDir can name it\n`,
              ),
              `next: ${files.some(isKeeper) && next.startsWith('status') ? keepers : ''}sqlmig ${next}\n`,
            ].join(''),
          };
        };
      },
      false,
    ),
});

// A history without its files would only be reported as missing files.
const keepers = 'copy its migrations into sql/public and sql/tenant, then ';
const isKeeper = (file: string) => file.endsWith('.gitkeep');

/** What was seen of a database: what is in it, why it could not be seen, or that none is named. */
type Seen = Surroundings | { readonly error: SqlmigError } | { readonly none: true };

/** Looks at the database that is named; none of what may go wrong with it keeps a project from being written. */
async function look(args: GlobalArgs, { cwd, env, signal }: Terminal): Promise<Seen> {
  if (args.embedded) return { none: true };
  try {
    return await lookAround(await loadConfig({ cwd, env, file: args.config, overrides: overridesOf(args) }), {
      signal,
    });
  } catch (error) {
    if (!(error instanceof SqlmigError)) throw error;
    return error.code === 'no-database-url' ? { none: true } : { error };
  }
}

function databaseJson(seen: Seen) {
  if ('none' in seen) return null;
  if ('error' in seen) return { error: seen.error.details };
  const { database: name, facts, proposal } = seen;
  return { name, histories: facts.histories, own: facts.own, proposal };
}

function nextCommand(args: GlobalArgs & { sample: boolean }, seen: Seen): string {
  if ('none' in seen && !args.embedded) {
    const up = 'up --all --embedded    (or --url postgres://...)';
    return args.sample ? up : `new NAME --tenant, then sqlmig ${up}`;
  }
  const where = args.embedded ? ' --embedded' : args.url === undefined ? '' : ' --url postgres://...';
  if (args.sample) return `up --all${where}`;
  const what = 'proposal' in seen ? seen.proposal.next : 'new';
  return what === 'new' ? `new NAME --tenant, then sqlmig up --all${where}` : `${what}${where}`;
}

/** Asks where the tenants come from, with what is proposed as the answer; without a terminal that is it. */
async function ask(
  { askText }: Terminal,
  proposed: TenantChoice,
  alike: readonly string[] = ['acme', 'globex'],
): Promise<TenantChoice> {
  if (askText === null) return proposed;
  const usual = proposed.kind === 'history' ? 'none' : proposed.kind;
  const how = await askText(`Where are the names of the tenants? (query, pattern, list, none) [${usual}] `);
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
