import type { Duplex } from 'node:stream';
import postgres from 'postgres';
import type { ClientOptions } from './client-options.ts';
import type { ServerNotice } from './notice.ts';

/** How the driver opens one session. */
interface ClientSetup {
  readonly server: ClientOptions;
  /** Opens a socket, with TLS if requested. */
  readonly open: () => Promise<Duplex>;
  /** Parameters of the startup message. */
  readonly startup: Readonly<Record<string, string>>;
  readonly connectTimeoutMs: number;
}

/** What the driver reports besides answers. */
interface ClientListeners {
  readonly onNotice: (notice: ServerNotice) => void;
  readonly onClose: () => void;
  readonly onNotification: (channel: string) => void;
}

/** The driver, with one connection. */
export type Client = ReturnType<typeof createClient>;

/** Opens one connection that the driver never replaces by another. */
export function createClient(
  { server, open, startup, connectTimeoutMs }: ClientSetup,
  { onNotice, onClose, onNotification }: ClientListeners,
) {
  const options: postgres.Options<Record<string, never>> = {
    ...server,
    // TLS is the socket's own affair.
    ssl: false,
    max: 1,
    prepare: false,
    fetch_types: false,
    // The default reconnects between two queries after 30 to 60 minutes: a session's locks and settings would be gone.
    max_lifetime: null,
    idle_timeout: 0,
    keep_alive: 10,
    connect_timeout: Math.max(1, Math.ceil(connectTimeoutMs / 1000)),
    connection: startup,
    onnotice: ({ severity = 'NOTICE', code = '', message = '', where, routine }) =>
      onNotice({ severity, code, message, ...(where && { where }), ...(routine && { routine }) }),
    onclose: onClose,
  };
  Object.assign(options, { max_pipeline: 0, socket: open, onnotify: onNotification });
  // The driver reads PGTARGETSESSIONATTRS unless it is given a value, and has none for "any": only options that it has
  // completed itself are used without reading the environment again.
  const completed = postgres({ ...options, target_session_attrs: 'primary' }).options;
  return postgres({ ...completed, target_session_attrs: undefined } as unknown as typeof options);
}
