-- Shared by the triggers of all tenants: one function in public is far cheaper than one in every schema.
create function touch_updated_at() returns trigger language plpgsql as $$
begin
  new.updated_at := now();
  return new;
end
$$;
