import type { Cluster } from './cluster.ts';

/** What a supervisor is started with, as JSON in its first argument. */
export interface SupervisorOrder extends Cluster {
  /** Socket at which commands say that they use the server: a connection is one user. */
  readonly socket: string;
}

/** What a supervisor sends to each user, as one line of JSON. */
export interface ServerAddress {
  readonly url: string;
  /** The server's own process. */
  readonly pid: number;
}

/** Exit code of a supervisor that found another in charge. */
export const otherInCharge = 10;
