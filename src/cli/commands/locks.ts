import { type KillHolderOptions, killHolder, locks } from '../../operations/locks.ts';
import { wholeNumber } from '../../project/option.ts';
import { databaseFailures } from '../../report/error.ts';
import { holderText, locksText } from '../../report/locks.ts';
import { printable } from '../../report/table.ts';
import { type Answer, type CommandContext, defineCommand } from '../command.ts';
import { confirms } from '../execute.ts';
import { checkFlag, usage, yesOption } from '../options.ts';

/** `sqlmig locks`. */
export const locksCommand = defineCommand()({
  name: 'locks',
  describe: "Show the sessions that hold or wait for sqlmig's locks",
  options: {
    kill: {
      type: 'number',
      takes: 'PID',
      describe: 'Terminate the backend with this process ID, after showing what it is doing',
    },
    ...yesOption,
  },
  examples: [
    ['locks', 'lock holders, waiting sessions and incomplete migrations'],
    ['locks --kill 812', "terminate backend 812 if it holds or waits for one of sqlmig's locks"],
  ],
  prepare: (args, terminal) => {
    const pid = args.kill;
    checkFlag('--kill', pid, wholeNumber());
    if (pid === undefined && args.yes) throw usage('--yes requires --kill');
    if (pid === undefined) return listAnswer;
    const confirm: KillHolderOptions['confirm'] = (holder) =>
      args.yes || confirms(terminal, `backend ${pid}: ${holderText(holder)}\nTerminate it?`);
    return async ({ config, signal, onEvent }) => {
      const result = await killHolder(config, { pid, confirm, signal, onEvent });
      const end = result.killed ? 'terminated' : 'not terminated';
      const next = result.next === null ? '' : `${printable(result.next)}\n`;
      return {
        exitCode: result.killed ? 0 : 1,
        json: { ok: result.killed, ...result },
        text: () => `${end}: ${holderText(result.holder)}\n${next}`,
      };
    };
  },
});

async function listAnswer({ config, signal, onEvent }: CommandContext): Promise<Answer> {
  const result = await locks(config, { signal, onEvent });
  const failures = databaseFailures(result);
  return { exitCode: failures.length > 0 ? 1 : 0, json: result, text: () => locksText(result), failures };
}
