create table invoice_lines (
  invoice_id bigint not null references invoices (id) on delete cascade,
  position integer not null check (position > 0),
  description text not null,
  quantity numeric(12, 3) not null default 1,
  unit_cents integer not null,
  primary key (invoice_id, position)
);
