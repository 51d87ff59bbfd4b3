import {
  createProject,
  defaultQuery,
  findMigrations,
  type TenantChoice,
} from '../operations/create-project.ts';
import { count } from '../report/table.ts';
import { defineCommand } from './command.ts';
import { execute } from './execute.ts';
import { nameList, usage } from './options.ts';
import type { Terminal } from './terminal.ts';

/** `sqlmig init`. */
export const initCommand = defineCommand()({
  name: 'init',
  describe: 'Write a config, the folders and a first file in each',
  options: {
    query: { type: 'string', requiresArg: true, describe: 'SQL that gives the names of the tenants' },
    pattern: { type: 'string', requiresArg: true, describe: 'LIKE pattern that the names of tenants fit' },
    list: { type: 'string', requiresArg: true, describe: 'The tenants: a,b' },
  },
  examples: [
    ['init', 'asks two questions in a terminal'],
    ["init --pattern 'tenant_%'", 'tenants are the schemas whose names begin so'],
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
          const result = createProject(terminal.cwd, given[0] ?? (await ask(terminal)));
          const there = await findMigrations(terminal.cwd);
          const found = there
            .map(
              ({ folder, files }) =>
                `found ${count(files, 'migration')} in ${folder}: publicDir or tenantDir can name it\n`,
            )
            .join('');
          const next = 'next: sqlmig up --all --embedded    (or --url postgres://...)\n';
          return {
            exitCode: 0,
            json: { ...result, found: there },
            text: () => result.files.map((file) => `${file}\n`).join(''),
            summary: found + next,
          };
        };
      },
      false,
    ),
});

/** Two questions; without a terminal the tenants are in the table that the first file makes. */
async function ask({ askText }: Terminal): Promise<TenantChoice> {
  if (askText === null) return { kind: 'query', query: defaultQuery };
  const how = await askText('Where are the names of the tenants? (table, pattern, list) [table] ');
  if (/^p/i.test(how)) {
    return { kind: 'pattern', pattern: (await askText('Names like [tenant_%] ')) || 'tenant_%' };
  }
  if (/^l/i.test(how)) {
    return { kind: 'list', list: nameList([(await askText('Tenants [acme,globex] ')) || 'acme,globex']) };
  }
  return { kind: 'query', query: (await askText(`Query [${defaultQuery}] `)) || defaultQuery };
}
