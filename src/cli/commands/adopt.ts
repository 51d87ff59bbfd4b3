import { adopt } from '../../operations/adopt.ts';
import { type AdoptHistoryOptions, adoptHistory } from '../../operations/adopt-history.ts';
import { everySchema } from '../../project/selection.ts';
import { adoptText } from '../../report/adopt.ts';
import { adoptedText, importsText, refusedText, unlistedText } from '../../report/adopt-history.ts';
import { defineCommand, type Work } from '../command.ts';
import { agreed, exitCodeOfSchemas } from '../execute.ts';
import {
  lockArgs,
  lockOptions,
  readOnlyOption,
  selectionOf,
  selectorOptions,
  usage,
  yesOption,
} from '../options.ts';

/** `sqlmig adopt`. */
export const adoptCommand = defineCommand()({
  name: 'adopt',
  describe: "Show other tools' histories and how they match the files, or import them",
  options: {
    ...selectorOptions,
    ...lockOptions,
    ...readOnlyOption,
    files: {
      type: 'string',
      requiresArg: true,
      describe: "Compare with this folder, in the other tool's own layout",
    },
    history: {
      type: 'boolean',
      default: false,
      describe: 'Import the histories: record the files that the other tool has applied',
    },
    'from-tool': {
      type: 'string',
      requiresArg: true,
      describe: 'Import the history of this tool, if a schema has histories of two',
    },
    'accept-missing': {
      type: 'boolean',
      default: false,
      describe: 'Leave out history rows whose files no longer exist',
    },
    ...yesOption,
  },
  examples: [
    ['adopt', 'show which histories there are, and how many of their versions match files'],
    ['adopt --files prisma/migrations', "compare with the other tool's own files"],
    ['adopt --history --all', 'import the histories of public and all tenants, on confirmation'],
  ],
  prepare: (args, terminal) => {
    const select = selectionOf(args);
    if (args.history) {
      if (args.files !== undefined) throw usage('--history imports the files of the config, without --files');
      const options = {
        ...lockArgs(args),
        ignoreReadOnly: args.ignoreReadOnly,
        select: select ?? everySchema,
        acceptMissing: args.acceptMissing,
        ...(args.fromTool !== undefined && { fromTool: args.fromTool }),
      };
      const isAgreed = async (question: string) => args.yes || (await agreed(terminal, question));
      return importing({
        ...options,
        accept: (imports) => isAgreed(`${importsText(imports)}Import these histories?`),
      });
    }
    if (select !== null || args.fromTool !== undefined || args.acceptMissing || args.yes)
      throw usage(
        'a selection, --from-tool, --accept-missing and --yes require --history',
        'for example: sqlmig adopt --history --all',
      );
    const files = args.files === undefined ? {} : { files: args.files };
    return async ({ config, signal, onEvent }) => {
      const result = await adopt(config, { ...files, signal, onEvent });
      return { exitCode: result.ok ? 0 : 1, json: result, text: () => adoptText(result) };
    };
  },
});

function importing(options: AdoptHistoryOptions): Work {
  return async ({ config, signal, onEvent }) => {
    const result = await adoptHistory(config, { ...options, signal, onEvent });
    const { imports, refused, sessions, unlisted, accepted, schemas } = result;
    const failures = schemas.filter(({ state }) => state === 'failed');
    const isOpen = refused.length > 0 || sessions.length > 0 || (imports.length > 0 && !accepted);
    const exitCode = isOpen ? 1 : exitCodeOfSchemas(failures.map(({ error }) => error));
    return {
      exitCode: failures.length > 0 || isOpen ? exitCode : 0,
      json: { ok: !isOpen && failures.length === 0, ...result },
      text: () =>
        importsText(imports) +
        refusedText(refused, sessions) +
        unlistedText(unlisted) +
        adoptedText(schemas) +
        (isOpen ? 'nothing was changed\n' : imports.length === 0 ? 'there is nothing to import\n' : ''),
      failures,
    };
  };
}
