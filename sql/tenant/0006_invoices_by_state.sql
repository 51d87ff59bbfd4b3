create index invoices_open_idx on invoices (issued_on) where state = 'open';
