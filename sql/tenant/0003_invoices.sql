create table invoices (
  id bigint generated always as identity primary key,
  subscription_id bigint not null references subscriptions (id),
  number text not null unique,
  state invoice_state not null default 'draft',
  issued_on date,
  updated_at timestamptz not null default now()
);
