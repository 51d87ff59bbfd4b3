alter table invoice_lines
  add column tax_percent numeric(5, 2) not null default 0 check (tax_percent between 0 and 100);
