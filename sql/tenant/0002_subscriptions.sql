create table subscriptions (
  id bigint generated always as identity primary key,
  user_id bigint not null references users (id),
  plan_id text not null references plans (id),
  billed billing_interval not null,
  starts_on date not null default current_date,
  ends_on date,
  check (ends_on is null or ends_on > starts_on)
);

create index subscriptions_user_id_idx on subscriptions (user_id);
