import type { Cluster } from './cluster.ts';

/** The first argument of a supervisor, as JSON. */
export interface SupervisorOrder extends Cluster {
  /** The socket that commands connect to while they use the server. One connection is one user. */
  readonly socket: string;
}

/** The address that a supervisor sends to each user, as one line of JSON. */
export interface ServerAddress {
  readonly url: string;
  /** The process ID of the server. */
  readonly pid: number;
}

/** The exit code of a supervisor that found another one in charge. */
export const otherInCharge = 10;
