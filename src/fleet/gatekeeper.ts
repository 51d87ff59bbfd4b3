import { newestVersion } from '../project/version.ts';
import type { Session } from '../server/session.ts';
import { readPublicTarget } from '../state/fleet-state.ts';
import { createGate, type Gate, missingOnPath } from './gate.ts';
import type { Migrator } from './migrator.ts';

/** Keeps the gate between public and tenants: a version that public had at any point must still be there. */
export interface Gatekeeper {
  /** `null` before `open`. */
  readonly gate: Gate | null;
  /** Reads the gate, and reads it again once there are new scripts. @throws SqlmigError `public-behind`. */
  open(): Promise<void>;
  /** Reads the gate again on this session. @throws SqlmigError `public-behind`. */
  refresh(session: Session): Promise<void>;
}

/** A gatekeeper of one run. */
export function createGatekeeper({ run, source, settings, scripts }: Migrator): Gatekeeper {
  const { config, database } = run;
  let gate: Gate | null = null;
  const refresh = async (session: Session) => {
    const shared = await readPublicTarget(run.readerOn(session), source);
    const parts = {
      shared,
      upTo: newestVersion(source.migrations.public),
      scripts: [...scripts.all.values()],
      before: gate,
    };
    gate = await createGate(session, parts, config);
  };
  const warn = () => {
    for (const name of missingOnPath(gate, config)) {
      const message = `searchPath names schema ${name}, which ${database} does not have`;
      settings.emit({ type: 'warning', message });
    }
  };
  return {
    get gate() {
      return gate;
    },
    async open() {
      const isFirst = gate === null;
      if (gate?.scripts !== scripts.all.size) await run.read(refresh);
      if (isFirst) warn();
    },
    refresh,
  };
}
