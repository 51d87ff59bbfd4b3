-- Every customer starts with an account for its billing contact.
insert into users (email, full_name) values ('billing@example.com', 'Billing');
