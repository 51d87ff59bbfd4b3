create trigger users_touch before update on users
  for each row execute function touch_updated_at();

create trigger invoices_touch before update on invoices
  for each row execute function touch_updated_at();
