alter table invoices alter column number drop default;

drop sequence invoice_number_seq;
