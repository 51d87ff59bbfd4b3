import { type AdoptedPublic, adoptPublic } from '../../operations/adopt-public.ts';
import { movedText, obstaclesText, publicMoveText } from '../../report/adopt-public.ts';
import type { Answer } from '../command.ts';
import { confirms, exitCodeOfSchema } from '../execute.ts';
import { changeArgs, changeOptions, nameList, yesOption } from '../options.ts';
import { acceptMissingOption, filesOption, keepOption } from './flags.ts';
import { defineMode } from './mode.ts';

/** `sqlmig adopt --public-as`. */
export const publicMode = defineMode({
  flag: 'public-as',
  showsDatabase: true,
  options: {
    'public-as': {
      type: 'string',
      takes: 'NAME',
      describe: 'Move the contents of public to a tenant with this name',
    },
    ...keepOption,
    'rewrite-functions': {
      type: 'boolean',
      default: false,
      describe: 'Replace public with the tenant in function bodies that qualify moved objects',
    },
    'accept-replication': {
      type: 'boolean',
      default: false,
      describe: 'Move replicated tables, although subscribers find them by schema and name',
    },
    ...filesOption,
    ...acceptMissingOption,
    rehearse: {
      type: 'boolean',
      default: false,
      describe: 'Execute everything, roll it back, and report duration and locks',
    },
    ...changeOptions,
    ...yesOption,
  },
  examples: [
    ['adopt --public-as acme --keep plans,countries', 'move public to the tenant acme, except two tables'],
    ['adopt --public-as acme --rehearse', 'execute the move, roll it back, and report duration and locks'],
  ],
  prepare: (args, terminal) => {
    const options = {
      ...changeArgs(args),
      as: args.publicAs ?? '',
      keep: nameList(args.keep ?? []),
      rewriteFunctions: args.rewriteFunctions,
      acceptReplication: args.acceptReplication,
      acceptMissing: args.acceptMissing,
      ...(args.files !== undefined && { files: args.files }),
      rehearse: args.rehearse,
    };
    return async ({ config, signal, onEvent }) => {
      const result = await adoptPublic(config, {
        ...options,
        signal,
        onEvent,
        accept: async (plan) =>
          args.yes || confirms(terminal, `${publicMoveText(plan)}Move ${plan.schema} to ${plan.as}?`),
      });
      return answerOf(result, args.rehearse);
    };
  },
});

function answerOf(result: AdoptedPublic, isRehearsal: boolean): Answer {
  const { obstacles, moved, error, rehearsal } = result;
  const isDone = moved !== null || (isRehearsal && rehearsal !== null && obstacles.length === 0);
  return {
    exitCode: exitCodeOfSchema(isDone, error),
    json: { ok: isDone, ...result },
    text: () =>
      obstacles.length > 0 ? obstaclesText(result) : publicMoveText(result) + movedText(result, isRehearsal),
    ...(error && { failures: [{ error }] }),
  };
}
