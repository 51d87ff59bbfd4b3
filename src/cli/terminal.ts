/** The outside of a command: where it writes, and what it is told to stop by. */
export interface Terminal {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly stdinIsTty: boolean;
  readonly stdoutIsTty: boolean;
  readonly stderrIsTty: boolean;
  /** The present width of the terminal that stderr is. */
  readonly columns: () => number;
  /** The width of the terminal that stdout is, for help. */
  readonly helpColumns: number;
  /** Asks a question that is answered with yes or no; `null` where nobody sits at a terminal. */
  readonly ask: ((question: string) => Promise<boolean>) | null;
  /** Asks for a line of text; `null` where nobody sits at a terminal. */
  readonly askText: ((question: string) => Promise<string>) | null;
  /** Turns this process into another program, for good; `null` where Node cannot, or need not. */
  readonly replaceProcess: ((program: string, args: readonly string[]) => void) | null;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Fires at SIGINT or SIGTERM; the reason is the signal's name. */
  readonly signal: AbortSignal;
}
