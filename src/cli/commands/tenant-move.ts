import type { EndedMove } from '../../lifecycle/end-of-move.ts';
import { finishMove } from '../../operations/finish-move.ts';
import { type MovedTenant, moveTenant } from '../../operations/move-tenant.ts';
import { undoMove } from '../../operations/undo-move.ts';
import { text } from '../../project/option.ts';
import { printable } from '../../report/table.ts';
import { stillListedText } from '../../report/tenant.ts';
import {
  afterMoveText,
  moveEndedText,
  moveEndText,
  tenantMovedText,
  tenantMoveText,
} from '../../report/tenant-move.ts';
import { type Answer, defineCommand } from '../command.ts';
import { confirms, exitCodeOfSchema } from '../execute.ts';
import { changeArgs, changeOptions, checkFlag, usage, yesOption } from '../options.ts';

/** `sqlmig tenant move`. */
export const tenantMoveCommand = defineCommand<{ name: string }>()({
  name: 'tenant move',
  describe: 'Move a tenant with its rows to another database',
  pattern: '<name>',
  positionals: {
    name: { type: 'string', demandOption: true, describe: 'Name of the schema' },
  },
  options: {
    to: {
      type: 'string',
      takes: 'NAME|URL',
      demandOption: true,
      describe: 'The other database: a name in "databases" of the config, or a URL',
    },
    finish: {
      type: 'boolean',
      default: false,
      describe: 'Drop the moved tenant in its old database',
    },
    undo: {
      type: 'boolean',
      default: false,
      describe: 'Drop the copy, and make the tenant writable again in its old database',
    },
    'accept-changes': {
      type: 'boolean',
      default: false,
      describe: 'With --finish or --undo: drop it even if its rows have changed since they were copied',
    },
    'dry-run': {
      type: 'boolean',
      default: false,
      describe: 'Print what would be moved or dropped, and change nothing',
    },
    unlisted: {
      type: 'boolean',
      default: false,
      describe: 'Move it even if "tenants" in the config does not list it in the other database',
    },
    ...changeOptions,
    ...yesOption,
  },
  examples: [
    ['tenant move acme --to "$OTHER_URL" --dry-run', 'show what would be moved'],
    ['tenant move acme --to "$OTHER_URL"', 'move "acme"; it becomes read-only in its old database'],
    ['tenant move acme --to "$OTHER_URL" --finish', 'drop it there'],
  ],
  prepare: (args, terminal) => {
    const { name, to, finish, undo, acceptChanges, unlisted, dryRun } = args;
    if (finish && undo) throw usage('--finish and --undo cannot be combined', 'give only one of them');
    const ends = finish || undo;
    if (acceptChanges && !ends) throw usage('--accept-changes requires --finish or --undo');
    if (unlisted && ends) throw usage('--unlisted cannot be combined with --finish or --undo');
    checkFlag('--to', to, text);
    const options = { ...changeArgs(args), name, to };
    const asked = async (text: string, question: string) =>
      !dryRun && (args.yes || confirms(terminal, `${text}${question} ${printable(name)}?`));
    return async ({ config, signal, onEvent }) => {
      const all = { ...options, signal, onEvent };
      if (!ends) {
        const accept: Parameters<typeof moveTenant>[1]['accept'] = (plan) =>
          asked(tenantMoveText(plan), 'It will be read-only here. Move');
        return moveAnswer(await moveTenant(config, { ...all, unlisted, accept }), dryRun);
      }
      const end = finish ? finishMove : undoMove;
      const accept: Parameters<typeof end>[1]['accept'] = (plan) =>
        asked(moveEndText(plan), plan.drops === null ? 'Reopen' : 'Drop');
      return endAnswer(await end(config, { ...all, acceptChanges, accept }), dryRun);
    };
  },
});

function moveAnswer(result: MovedTenant, dryRun: boolean): Answer {
  const { state, error } = result;
  const ok = error === undefined && (dryRun || state === 'moved');
  return {
    exitCode: exitCodeOfSchema(ok, error),
    json: { ok, ...result },
    text: () => (dryRun && state === 'unchanged' ? tenantMoveText(result) : tenantMovedText(result)),
    summary: afterMoveText(result),
    failures: error === undefined ? [] : [{ error }],
  };
}

function endAnswer(result: EndedMove, dryRun: boolean): Answer {
  const { state, error } = result;
  const ok = error === undefined && (dryRun || state !== 'unchanged');
  return {
    exitCode: exitCodeOfSchema(ok, error),
    json: { ok, ...result },
    text: () => (dryRun && state === 'unchanged' ? moveEndText(result) : moveEndedText(result)),
    summary: stillListedText(result),
    failures: error === undefined ? [] : [{ error }],
  };
}
