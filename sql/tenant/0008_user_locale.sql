alter table users add column locale text;
