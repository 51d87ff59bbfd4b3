-- One row a customer. sqlmig reads the schemas to migrate from here (see sqlmig.config.json).
create table tenants (
  schema_name text primary key check (schema_name <> '' and octet_length(schema_name) <= 63),
  company text not null,
  plan_id text not null default 'free' references plans (id),
  created_at timestamptz not null default now()
);

insert into tenants (schema_name, company, plan_id) values
  ('acme', 'Acme GmbH', 'business'),
  ('globex', 'Globex Corporation', 'team'),
  ('initech', 'Initech Ltd', 'free');
