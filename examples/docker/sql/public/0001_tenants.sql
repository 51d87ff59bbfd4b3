create table tenants (schema_name text primary key);
insert into tenants values ('acme'), ('globex');
