-- What a customer can buy, and how often it is billed. Tenants use the types by name alone.
create type billing_interval as enum ('month', 'year');
create type invoice_state as enum ('draft', 'open', 'paid', 'void');

create table plans (
  id text primary key,
  title text not null,
  price_cents integer not null check (price_cents >= 0),
  currency char(3) not null default 'EUR',
  billed billing_interval not null
);

insert into plans (id, title, price_cents, billed) values
  ('free', 'Free', 0, 'month'),
  ('team', 'Team', 2900, 'month'),
  ('business', 'Business', 99000, 'year');
