\c shop
SET synchronous_commit = on;
-- plain
INSERT INTO audit VALUES (1, 'one'), (2, 'two'), (3, 'three');
UPDATE orders SET note = 'changed' WHERE id <= 10;
DELETE FROM orders WHERE id BETWEEN 100 AND 139;
-- several tables
BEGIN; INSERT INTO audit VALUES (4, 'four'); DELETE FROM sales.bookings WHERE id > 100; UPDATE rooms SET size = size + 1; COMMIT;
-- aborted
BEGIN; DELETE FROM sales.bookings; ROLLBACK;
-- subtransactions, one of them aborted
BEGIN; INSERT INTO audit VALUES (5, 'five'); SAVEPOINT a; INSERT INTO audit VALUES (6, 'six'); RELEASE a; SAVEPOINT b; DELETE FROM orders; ROLLBACK TO b; SAVEPOINT c; DELETE FROM rooms WHERE id = 1; COMMIT;
-- long values and rows that cross pages and files
INSERT INTO sales.bookings SELECT g, now(), repeat('berth', 16000 + g) FROM generate_series(1001, 1008) g;
-- many rows at once
COPY audit FROM STDIN;
101	a
102	b
103	c
104	d
\.
-- insertion that meets what is there
INSERT INTO audit VALUES (1, 'x'), (200, 'y') ON CONFLICT (id) DO UPDATE SET what = excluded.what;
-- two phases
BEGIN; INSERT INTO audit VALUES (300, 'p'); SAVEPOINT s; INSERT INTO audit VALUES (301, 'q'); PREPARE TRANSACTION 'first';
BEGIN; DELETE FROM audit; PREPARE TRANSACTION 'second';
COMMIT PREPARED 'first';
ROLLBACK PREPARED 'second';
-- two phases, and more to say at the end
CREATE TABLE dropped (id int); BEGIN; DROP TABLE dropped; PREPARE TRANSACTION 'third';
COMMIT PREPARED 'third';
-- definitions
CREATE TABLE fresh (id serial PRIMARY KEY, note text);
INSERT INTO fresh (note) VALUES ('a'), ('b');
CREATE TABLE copied AS SELECT * FROM orders LIMIT 25;
TRUNCATE orders;
INSERT INTO orders (customer, note) VALUES (1, 'after');
TRUNCATE audit, rooms;
INSERT INTO rooms VALUES (1, 1);
VACUUM FULL sales.bookings;
DELETE FROM sales.bookings WHERE id = 1001;
ALTER TABLE rooms ALTER COLUMN size TYPE bigint;
INSERT INTO rooms VALUES (2, 2);
CREATE INDEX ON orders (customer);
REINDEX TABLE orders;
DROP TABLE gone;
BEGIN; DROP TABLE copied; CREATE TABLE copied (id int); INSERT INTO copied VALUES (1); COMMIT;
CREATE SCHEMA later; CREATE TABLE later.things (id int); INSERT INTO later.things VALUES (1), (2);
CREATE MATERIALIZED VIEW sums AS SELECT count(*) FROM orders; REFRESH MATERIALIZED VIEW sums;
UPDATE events SET day = day; INSERT INTO events VALUES (1, '2026-01-05'); UPDATE events SET day = '2026-02-05';
CREATE TEMP TABLE mine (id int); INSERT INTO mine VALUES (1);
CREATE VIEW seen AS SELECT 1; GRANT SELECT ON orders TO PUBLIC; ANALYZE orders;
BEGIN; CREATE TABLE short (id int); DROP TABLE short; INSERT INTO rooms VALUES (3, 3); COMMIT;
DROP SCHEMA later CASCADE;
CREATE DATABASE other STRATEGY FILE_COPY; DROP DATABASE other;
SELECT pg_switch_wal();
INSERT INTO rooms VALUES (4, 4);
CHECKPOINT;
INSERT INTO rooms VALUES (5, 5);
CREATE TABLE anew (id int); INSERT INTO anew VALUES (1);
-- rows that are deleted beside a table that is written anew, emptied or dropped
BEGIN; ALTER TABLE mig ALTER COLUMN id TYPE bigint; DELETE FROM mig WHERE id <= 70; COMMIT;
BEGIN; DELETE FROM mig WHERE id > 80; TRUNCATE mig; INSERT INTO mig VALUES (1); COMMIT;
BEGIN; DELETE FROM mig; DROP TABLE mig; COMMIT;
-- not in the log, but for their files
TRUNCATE jobs;
TRUNCATE jobs, rooms;
DROP TABLE jobs;
-- in another place
ALTER TABLE moved SET TABLESPACE fast;
DELETE FROM moved WHERE id = 1;
-- the server's own, written anew
VACUUM FULL pg_class; VACUUM FULL pg_namespace; VACUUM FULL pg_statistic; VACUUM FULL pg_cast; VACUUM FULL pg_database;
CREATE SCHEMA last; CREATE TABLE last.behind (id int); INSERT INTO last.behind VALUES (1); ANALYZE last.behind;
DROP TABLE last.behind;
REINDEX TABLE moved;
VACUUM FULL moved;
DROP INDEX orders_customer_idx;
-- emptied in the file of the same transaction
CREATE TABLE wide (id int); INSERT INTO wide VALUES (1);
BEGIN; ALTER TABLE wide ALTER COLUMN id TYPE bigint; TRUNCATE wide; COMMIT;
BEGIN; CREATE TABLE inside (id int); INSERT INTO inside VALUES (1); TRUNCATE inside; COMMIT;
-- large objects
SELECT lo_from_bytea(4711, 'berth');
SELECT lo_unlink(4711);
-- partitions of partitions, and one of before that goes; a part that is given away
CREATE TABLE parcels (id int) PARTITION BY RANGE (id);
CREATE TABLE parcels_1 PARTITION OF parcels FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id);
CREATE TABLE parcels_1_1 PARTITION OF parcels_1 FOR VALUES FROM (0) TO (50);
INSERT INTO parcels VALUES (1);
DELETE FROM parcels;
CREATE TABLE parcels_2 (id int); ALTER TABLE parcels ATTACH PARTITION parcels_2 FOR VALUES FROM (100) TO (200);
INSERT INTO parcels VALUES (100);
TRUNCATE parcels;
DROP TABLE events_2;
CREATE TABLE heir () INHERITS (rooms); INSERT INTO heir VALUES (1, 1);
-- images that are compressed: what is made is not told by name
SET wal_compression = pglz;
CHECKPOINT;
CREATE TABLE squeezed (id int); INSERT INTO squeezed VALUES (1);
