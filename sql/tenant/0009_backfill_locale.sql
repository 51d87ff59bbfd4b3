-- Two files on purpose: the column first, then the rows, so that neither holds its lock for long.
update users set locale = 'en' where locale is null;

alter table users
  alter column locale set default 'en',
  alter column locale set not null;
