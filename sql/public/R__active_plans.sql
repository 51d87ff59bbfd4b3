-- A repeatable: runs again whenever this text changes.
create or replace view active_plans as
select p.id, p.title, count(t.schema_name) as tenants
from plans p
left join tenants t on t.plan_id = p.id
group by p.id, p.title;
