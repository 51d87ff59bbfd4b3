import { type Canary, chooseCanaries } from '../decide/stop-rule.ts';
import { unknownTenants } from '../state/fleet-state.ts';
import type { Target } from '../state/target.ts';
import { hasWork } from './outcome.ts';
import { schemaRefusal } from './schema-errors.ts';

/** The names of the canaries among tenants. @throws SqlmigError `unknown-tenant`. */
export function canariesOf(tenants: readonly Target[], canary: Canary = 0): ReadonlySet<string> {
  // A tenant that is refused or has nothing to apply would prove nothing.
  const able = tenants.filter((target) => hasWork(target) && schemaRefusal(target) === null);
  const chosen = chooseCanaries(
    able.map(({ schema }) => schema),
    canary,
  );
  const tenantNames = new Set(tenants.map(({ schema }) => schema));
  const unknown = [...chosen].filter((schema) => !tenantNames.has(schema));
  const words = { what: 'selected tenant', state: 'no tenant was touched' };
  if (unknown.length > 0) throw unknownTenants(unknown, [...tenantNames], words);
  return chosen;
}
