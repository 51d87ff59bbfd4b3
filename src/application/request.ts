/**
 * The tenant of a host name: `acme` for `acme.example.com` or `acme.example.com:8080`, with the domain `example.com`;
 * `null` for the domain itself, and for every other host. It is in lower case.
 */
export function tenantOfHost(host: string | null | undefined, domain: string): string | null {
  const name = (host ?? '').toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '');
  const end = `.${domain.toLowerCase()}`;
  const tenant = name.endsWith(end) ? name.slice(0, -end.length) : '';
  return tenant === '' || tenant.includes('.') ? null : tenant;
}

/** The tenant of a path or URL: `acme` for `/t/acme/orders`, with the prefix `/t/`; `null` if it has none. */
export function tenantOfPath(path: string, prefix: string): string | null {
  const { pathname } = new URL(path, 'http://localhost');
  const [segment = ''] = pathname.startsWith(prefix) ? pathname.slice(prefix.length).split('/') : [];
  try {
    return segment === '' ? null : decodeURIComponent(segment);
  } catch {
    // A percent sign that encodes nothing.
    return null;
  }
}
