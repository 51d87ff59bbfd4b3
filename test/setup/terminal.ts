import type { Terminal } from '../../src/cli/terminal.ts';

/** A terminal that nobody sits at, and what was written to it. */
export interface TestTerminal {
  readonly terminal: Terminal;
  readonly stdout: () => string;
  readonly stderr: () => string;
}

/** The outside of a command that runs in the process of its test: pipes, a folder and an environment. */
export function testTerminal(cwd: string, env: Readonly<Record<string, string>> = {}): TestTerminal {
  let stdout = '';
  let stderr = '';
  const terminal: Terminal = {
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
    stdinIsTty: false,
    stdoutIsTty: false,
    stderrIsTty: false,
    columns: () => 80,
    helpColumns: 100,
    ask: null,
    askText: null,
    replaceProcess: null,
    env,
    cwd,
    signal: new AbortController().signal,
  };
  return { terminal, stdout: () => stdout, stderr: () => stderr };
}
