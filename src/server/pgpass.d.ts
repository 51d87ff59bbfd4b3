declare module 'pgpass' {
  /** Looks a password up in PGPASSFILE or ~/.pgpass; gives nothing where there is none. */
  export default function pgpass(
    server: { host: string; port: number; user: string; database: string },
    give: (password: string | undefined) => void,
  ): void;
}
