import { checkOptions, type Kinds, object, text } from '../project/option.ts';

/** Which embedded server to use. */
export interface EmbeddedServerOptions {
  /** The folder of the project, whose `.sqlmig` has the data; the working directory by default. */
  readonly cwd?: string;
  /** Settings of PostgreSQL such as `{ fsync: 'off' }`, if this call starts the server. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** The embedded server, in use by this process. */
export interface EmbeddedServer extends AsyncDisposable {
  readonly url: string;
  /** Ends the use. The server stops when no process uses it. */
  stop(): Promise<void>;
}

const kinds: Kinds<EmbeddedServerOptions> = { cwd: text, settings: object };

/**
 * Uses the local PostgreSQL of `--embedded`, and starts it unless another process uses it already.
 * @throws SqlmigError `embedded-missing`, `embedded-failed`.
 */
export async function startEmbedded(options: EmbeddedServerOptions = {}): Promise<EmbeddedServer> {
  checkOptions(options, kinds);
  const { attachEmbedded } = await import('../embedded/attach.ts');
  const { url, release } = await attachEmbedded(options.cwd ?? process.cwd(), options.settings);
  return { url, stop: release, [Symbol.asyncDispose]: release };
}
