-- No password comes here: the files hold the SCRAM verifiers that the server would make of them. An empty file is a login that does not count.
-- The application logs in as its account or, after every other rotation, as the second login; so the version before counts until it is retired.
\set account 'marketing'
\set second 'marketing_berth'
\set database 'marketing'
\set verifier `cat /run/secrets/database-verifier`
\set secondverifier `cat /run/secrets/database-verifier-second`

SELECT format('CREATE ROLE %I NOLOGIN', :'account')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'account') \gexec

SELECT format('CREATE ROLE %I NOLOGIN', :'second')
 WHERE :'secondverifier' <> '' AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'second') \gexec

SELECT format('GRANT %I TO %I WITH INHERIT TRUE, SET TRUE', :'account', rolname)
  FROM pg_roles
 WHERE rolname = :'second'
   AND NOT EXISTS (SELECT FROM pg_auth_members WHERE roleid = :'account'::regrole AND member = pg_roles.oid AND inherit_option AND set_option) \gexec

-- It is the account in all that it does: whatever it makes belongs to that. What was set for the account holds for it as well.
WITH given AS (
  SELECT rolname, coalesce(datname, '') AS place, split_part(setting, '=', 1) AS name, substr(setting, strpos(setting, '=') + 1) AS value
    FROM pg_db_role_setting JOIN pg_roles ON pg_roles.oid = setrole LEFT JOIN pg_database ON pg_database.oid = setdatabase, unnest(setconfig) AS setting
), wanted AS (
  SELECT place, name, value FROM given WHERE rolname = :'account' AND name <> 'role'
   UNION ALL
  SELECT '', 'role', :'account'
), found AS (
  SELECT place, name, value FROM given WHERE rolname = :'second'
)
SELECT format('ALTER ROLE %I %s %s', rolname, CASE WHEN place <> '' THEN format('IN DATABASE %I', place) END,
         CASE WHEN wanted.value IS NULL THEN format('RESET %I', name)
              -- Lists are kept as they are written, with their quotes.
              WHEN name IN ('search_path', 'temp_tablespaces', 'local_preload_libraries', 'session_preload_libraries') AND wanted.value <> '""'
              THEN format('SET %I TO %s', name, wanted.value)
              ELSE format('SET %I TO %L', name, wanted.value) END)
  FROM wanted FULL JOIN found USING (place, name) JOIN pg_roles ON rolname = :'second'
 WHERE wanted.value IS DISTINCT FROM found.value \gexec

WITH wanted (login, verifier) AS (VALUES (:'account', nullif(:'verifier', '')), (:'second', nullif(:'secondverifier', '')))
SELECT format('ALTER ROLE %I %s NOSUPERUSER INHERIT NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD %L',
         login, CASE WHEN verifier IS NULL THEN 'NOLOGIN' ELSE 'LOGIN' END, verifier)
  FROM wanted JOIN pg_authid ON rolname = login
 WHERE rolpassword IS DISTINCT FROM verifier OR rolcanlogin = (verifier IS NULL)
    OR rolsuper OR NOT rolinherit OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls \gexec

SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'account')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec

SELECT format('ALTER DATABASE %I OWNER TO %I', datname, :'account')
  FROM pg_database JOIN pg_roles ON pg_roles.oid = datdba
 WHERE datname = :'database' AND rolname <> :'account' \gexec

-- Only its owner may enter it: by default everybody who can log in may.
SELECT format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', datname)
  FROM pg_database
 WHERE datname = :'database'
   AND (datacl IS NULL OR EXISTS (SELECT FROM aclexplode(datacl) WHERE grantee = 0)) \gexec

-- For replicas: they may copy the server and follow its log, and own nothing.
\set replicator 'berth_replica'
\set replicatorverifier `cat /run/secrets/database-replication-verifier`

SELECT format('CREATE ROLE %I LOGIN REPLICATION PASSWORD %L', :'replicator', :'replicatorverifier')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'replicator') \gexec

SELECT format('ALTER ROLE %I LOGIN REPLICATION NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD %L', rolname, :'replicatorverifier')
  FROM pg_authid
 WHERE rolname = :'replicator'
   AND (rolpassword IS DISTINCT FROM :'replicatorverifier' OR NOT rolcanlogin OR NOT rolreplication OR rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls) \gexec

-- Of a replica that is not planned any more: it would keep the log that that one misses.
SELECT format('SELECT pg_drop_replication_slot(%L)', slot_name)
  FROM pg_replication_slots
 WHERE slot_name = 'berth_replica_2' AND NOT active \gexec

-- Nobody copies it: what a backup had left would keep the log for ever, and could log in.
SELECT format('SELECT pg_drop_replication_slot(%L)', slot_name)
  FROM pg_replication_slots
 WHERE slot_name = 'berth_backup' AND NOT active \gexec

SELECT format('ALTER ROLE %I NOLOGIN', rolname)
  FROM pg_roles
 WHERE rolname = 'berth_backup' AND rolcanlogin \gexec

-- In the database itself; what is no longer listed stays, as tables may be made of it.
\connect :"database"
SELECT format('CREATE EXTENSION %I CASCADE', 'pg_stat_statements') WHERE NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements') \gexec

-- Whoever waits for this task logs in at a replica next: ten seconds for those that follow to know the accounts as well.
DO $$
DECLARE
  made pg_lsn := pg_current_wal_lsn();
BEGIN
  FOR tries IN 1..100 LOOP
    PERFORM pg_stat_clear_snapshot();
    EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_replication WHERE state = 'streaming' AND replay_lsn < made);
    PERFORM pg_sleep(0.1);
  END LOOP;
END
$$;
