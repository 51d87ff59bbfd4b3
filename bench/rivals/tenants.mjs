// What every rival is run with: node rivals/X.mjs URL DIR TENANTS.json K
import { readFileSync } from 'node:fs';

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
