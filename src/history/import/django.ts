import { migrationName } from './file-layout.ts';
import type { HistoryReader } from './history-reader.ts';

/** Django and django-tenants: `django_migrations`, a name in an app. */
export const djangoReader: HistoryReader = {
  tool: 'Django',
  form: { columns: ['app', 'name'], time: 'applied', order: ['id'] },
  checksum: null,
  keysOf({ path }) {
    const name = migrationName(path);
    // Django loads no module whose name begins so, and none of other folders.
    if (/^[_~]/.test(name) || /(?:^|\/)(?!migrations\/)[^/]+\/[^/]+\.py$/.test(path)) return [];
    const app = /(?:^|\/)([^/]+)\/migrations\/[^/]+$/.exec(path)?.[1];
    return app === undefined ? [name] : [`${app}.${name}`];
  },
  recorded({ rows }) {
    const apps = new Map<string, Set<string>>();
    for (const { app, name } of rows)
      apps.set(name ?? '', new Set([...(apps.get(name ?? '') ?? []), app ?? '']));
    return rows.map(({ app, name, applied_at = null }) => ({
      name: `${app}.${name}`,
      // Most apps have a migration 0001_initial.
      keys: [`${app}.${name}`, ...(apps.get(name ?? '')?.size === 1 ? [name ?? ''] : [])],
      appliedAt: applied_at,
      checksum: null,
    }));
  },
  caveat: "a tenant's history lists the shared apps' migrations too, and has no checksums",
};
