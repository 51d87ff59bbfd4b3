/** How a schema that has tables but no applied migration comes under management. */
export const unmanagedHint =
  'let the first files skip what exists (CREATE TABLE IF NOT EXISTS), and try them with: sqlmig up --all --rehearse';
