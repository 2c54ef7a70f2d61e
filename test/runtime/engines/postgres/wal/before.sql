CREATE DATABASE shop;
\c shop
CREATE SCHEMA sales;
CREATE TABLE orders (id serial PRIMARY KEY, customer int, note text);
CREATE TABLE audit (id int PRIMARY KEY, what text);
CREATE TABLE sales.bookings (id int PRIMARY KEY, at timestamptz DEFAULT now(), body text);
CREATE TABLE gone (id int);
CREATE TABLE rooms (id int PRIMARY KEY, size int);
CREATE TABLE events (id int, day date) PARTITION BY RANGE (day);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
ALTER TABLE sales.bookings ALTER body SET STORAGE EXTERNAL;
INSERT INTO orders (customer, note) SELECT g, 'n' || g FROM generate_series(1, 2000) g;
INSERT INTO sales.bookings SELECT g, now(), 'b' FROM generate_series(1, 300) g;
INSERT INTO rooms SELECT g, g FROM generate_series(1, 20) g;
INSERT INTO gone SELECT g FROM generate_series(1, 20) g;
