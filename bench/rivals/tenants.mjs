// What every rival is run with: node rivals/X.mjs URL DIR TENANTS.json K
import { readFileSync } from 'node:fs';
import pg from 'pg';

const [, , url, dir, list, connections] = process.argv;
export const target = { url, dir };

/** Works on all tenants, K at a time; `open` makes what one worker keeps, such as a connection. */
export async function eachTenant(open, close, work) {
  const tenants = JSON.parse(readFileSync(list, 'utf8'));
  await Promise.all(
    Array.from({ length: Number(connections) }, async () => {
      const kept = await open();
      for (let tenant = tenants.shift(); tenant !== undefined; tenant = tenants.shift())
        await work(tenant, kept);
      await close(kept);
    }),
  );
}

/** The same with a connection of pg that each worker keeps. */
export function eachTenantOnPg(work) {
  const open = async () => {
    const client = new pg.Client(url);
    await client.connect();
    return client;
  };
  return eachTenant(open, (client) => client.end(), work);
}
