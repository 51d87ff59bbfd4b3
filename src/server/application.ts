/** Describes the session behind an application name, in words. */
export function describeApplication(application: string): string {
  const work = runOf(application);
  return work === null ? application || 'unknown' : `run ${work.run} at ${work.doing} on ${work.host}`;
}

/** The run in an application name, which its units set; `null` for any other name. */
export function runOf(application: string): { run: string; doing: string; host: string } | null {
  const [, run, doing, host] = /^sqlmig (\S+) (\S+) ?(.*)$/.exec(application) ?? [];
  return run === undefined || doing === undefined ? null : { run, doing, host: host || 'unknown host' };
}
