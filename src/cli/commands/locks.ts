import { killHolder, locks } from '../../operations/locks.ts';
import { wholeNumber } from '../../project/option.ts';
import { holderText, locksText } from '../../report/locks.ts';
import { printable } from '../../report/table.ts';
import { defineCommand } from '../command.ts';
import { agreed, execute } from '../execute.ts';
import { checkFlag, yesOption } from '../options.ts';

/** `sqlmig locks`. */
export const locksCommand = defineCommand()({
  name: 'locks',
  describe: 'Show who holds or waits for which schema, since when, on which host',
  options: {
    kill: { type: 'number', requiresArg: true, describe: 'End this backend, after naming it' },
    ...yesOption,
  },
  examples: [
    ['locks', 'holders, waiters and incomplete migrations'],
    ['locks --kill 812', 'end backend 812 if it has a lock of ours'],
  ],
  run: (args, terminal) =>
    execute(args, terminal, () => {
      const pid = args.kill;
      checkFlag('--kill', pid, wholeNumber());
      return async ({ config, signal, onEvent }) => {
        if (pid === undefined) {
          const result = await locks(config, { signal, onEvent });
          return { exitCode: 0, json: result, text: () => locksText(result) };
        }
        const confirm = (holder: Parameters<typeof holderText>[0]) =>
          args.yes || agreed(terminal, `backend ${pid} is ${holderText(holder)}\nEnd it?`);
        const result = await killHolder(config, pid, confirm, { signal, onEvent });
        const end = result.killed ? 'ended' : 'not ended';
        return {
          exitCode: result.killed ? 0 : 1,
          json: { ok: result.killed, ...result },
          text: () =>
            `${end}: ${holderText(result.holder)}\n${result.next === null ? '' : `${printable(result.next)}\n`}`,
        };
      };
    }),
});
