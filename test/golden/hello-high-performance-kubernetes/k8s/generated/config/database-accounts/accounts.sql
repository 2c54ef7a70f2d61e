-- The password never comes here: the file holds the SCRAM verifier that the server would make of it.
\set account 'hello'
\set database 'hello'
\set verifier `cat /run/secrets/database-verifier`

SELECT format('CREATE ROLE %I LOGIN PASSWORD %L', :'account', :'verifier')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'account') \gexec

SELECT format('ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD %L', rolname, :'verifier')
  FROM pg_authid
 WHERE rolname = :'account'
   AND (rolpassword IS DISTINCT FROM :'verifier' OR NOT rolcanlogin OR rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls) \gexec

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

-- There is no replica: what one had left would keep the log that it missed, and could log in.
SELECT format('SELECT pg_drop_replication_slot(%L)', slot_name)
  FROM pg_replication_slots
 WHERE slot_name = 'berth_replica' AND NOT active \gexec

SELECT format('ALTER ROLE %I NOLOGIN', rolname)
  FROM pg_roles
 WHERE rolname = 'berth_replica' AND rolcanlogin \gexec

-- Nobody copies it: what a backup had left would keep the log for ever, and could log in.
SELECT format('SELECT pg_drop_replication_slot(%L)', slot_name)
  FROM pg_replication_slots
 WHERE slot_name = 'berth_backup' AND NOT active \gexec

SELECT format('ALTER ROLE %I NOLOGIN', rolname)
  FROM pg_roles
 WHERE rolname = 'berth_backup' AND rolcanlogin \gexec
