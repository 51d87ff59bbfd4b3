create sequence invoice_number_seq;

alter table invoices
  alter column number set default 'INV-' || lpad(nextval('invoice_number_seq')::text, 6, '0');
