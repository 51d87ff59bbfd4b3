create or replace view invoice_totals as
select
  i.id,
  i.number,
  i.state,
  coalesce(sum(l.quantity * l.unit_cents), 0)::bigint as net_cents,
  coalesce(sum(l.quantity * l.unit_cents * (1 + l.tax_percent / 100)), 0)::bigint as gross_cents
from invoices i
left join invoice_lines l on l.invoice_id = i.id
group by i.id, i.number, i.state;
