#!/bin/sh
# Brings accounts, passwords, grants and the database of the application to what berth.yaml says. Changes nothing when nothing is to do.
# No password comes here: files hold the verifiers that the server would make of them, and the administrator's stands in an option file for its client.
set -eu
# Statements come by standard input: a command line can be seen by others.
ask() {
  mysql --defaults-extra-file='/run/secrets/database-admin-client' --host=database --port=3306 --protocol=tcp --connect-timeout=10 --batch --raw --skip-column-names
}
# Compose would recreate whatever depends on a recreated database, so this waits by itself. By TCP: the temporary server of the first start has none.
tries=0
until echo 'SELECT 1;' | ask >/dev/null 2>/tmp/why; do
  tries=$((tries + 1))
  if [ "$tries" -ge 180 ]; then
    echo "the database database does not let its administrator in after three minutes: $(cat /tmp/why)" >&2
    exit 1
  fi
  sleep 1
done

found=$(ask <<'SQL'
SELECT schema_name FROM information_schema.schemata WHERE schema_name = 'pms';
SQL
)
if [ -z "$found" ]; then
  ask <<'SQL'
CREATE DATABASE `pms`;
SQL
fi

# an application migrates its own schema, so it owns its database and nothing else
verifier=$(cat '/run/secrets/database-verifier')
# After a rotation the version before counts as well, until it is retired: then this file is empty.
before=$(cat '/run/secrets/database-verifier-before')
found=$(ask <<'SQL'
SELECT CONCAT_WS(' ', plugin, authentication_string, COALESCE(User_attributes->>'$.additional_password', '-'), account_locked, password_expired) FROM mysql.user WHERE user = 'pms' AND host = '%';
SQL
)
if [ "$found" != "caching_sha2_password $verifier ${before:--} N N" ]; then
  ask <<SQL
CREATE USER IF NOT EXISTS 'pms'@'%' IDENTIFIED WITH caching_sha2_password AS '$verifier';
SQL
  if [ -n "$before" ]; then
    ask <<SQL
ALTER USER 'pms'@'%' IDENTIFIED WITH caching_sha2_password AS '$before' REQUIRE NONE ACCOUNT UNLOCK;
ALTER USER 'pms'@'%' IDENTIFIED WITH caching_sha2_password AS '$verifier' RETAIN CURRENT PASSWORD;
SQL
  else
    ask <<SQL
ALTER USER 'pms'@'%' IDENTIFIED WITH caching_sha2_password AS '$verifier' REQUIRE NONE ACCOUNT UNLOCK;
ALTER USER 'pms'@'%' DISCARD OLD PASSWORD;
SQL
  fi
fi
# MariaDB shows the verifier as well.
found=$(ask <<'SQL' | sed 's/ IDENTIFIED .*//'
SHOW GRANTS FOR 'pms'@'%';
SQL
)
if [ "$found" != 'GRANT USAGE ON *.* TO `pms`@`%`
GRANT ALL PRIVILEGES ON `pms`.* TO `pms`@`%`' ]; then
  ask <<'SQL'
REVOKE ALL PRIVILEGES, GRANT OPTION FROM 'pms'@'%';
GRANT ALL PRIVILEGES ON `pms`.* TO `pms`@`%`;
SQL
fi

# a health check logs in from its own container and asks for nothing; without an account, every check would leave a refused login behind
verifier=$(cat '/run/secrets/database-health-verifier')
before=
found=$(ask <<'SQL'
SELECT CONCAT_WS(' ', plugin, authentication_string, COALESCE(User_attributes->>'$.additional_password', '-'), account_locked, password_expired) FROM mysql.user WHERE user = 'berth_health' AND host = '127.0.0.1';
SQL
)
if [ "$found" != "caching_sha2_password $verifier ${before:--} N N" ]; then
  ask <<SQL
CREATE USER IF NOT EXISTS 'berth_health'@'127.0.0.1' IDENTIFIED WITH caching_sha2_password AS '$verifier';
SQL
  if [ -n "$before" ]; then
    ask <<SQL
ALTER USER 'berth_health'@'127.0.0.1' IDENTIFIED WITH caching_sha2_password AS '$before' REQUIRE NONE ACCOUNT UNLOCK;
ALTER USER 'berth_health'@'127.0.0.1' IDENTIFIED WITH caching_sha2_password AS '$verifier' RETAIN CURRENT PASSWORD;
SQL
  else
    ask <<SQL
ALTER USER 'berth_health'@'127.0.0.1' IDENTIFIED WITH caching_sha2_password AS '$verifier' REQUIRE NONE ACCOUNT UNLOCK;
ALTER USER 'berth_health'@'127.0.0.1' DISCARD OLD PASSWORD;
SQL
  fi
fi
# MariaDB shows the verifier as well.
found=$(ask <<'SQL' | sed 's/ IDENTIFIED .*//'
SHOW GRANTS FOR 'berth_health'@'127.0.0.1';
SQL
)
if [ "$found" != 'GRANT REPLICATION CLIENT ON *.* TO `berth_health`@`127.0.0.1`' ]; then
  ask <<'SQL'
REVOKE ALL PRIVILEGES, GRANT OPTION FROM 'berth_health'@'127.0.0.1';
GRANT REPLICATION CLIENT ON *.* TO `berth_health`@`127.0.0.1`;
SQL
fi

# a replica copies the whole server and follows its log: it needs no right in any database for that
verifier=$(cat '/run/secrets/database-replication-verifier')
before=
found=$(ask <<'SQL'
SELECT CONCAT_WS(' ', plugin, authentication_string, COALESCE(User_attributes->>'$.additional_password', '-'), account_locked, password_expired) FROM mysql.user WHERE user = 'berth_replica' AND host = '%';
SQL
)
if [ "$found" != "caching_sha2_password $verifier ${before:--} N N" ]; then
  ask <<SQL
CREATE USER IF NOT EXISTS 'berth_replica'@'%' IDENTIFIED WITH caching_sha2_password AS '$verifier';
SQL
  if [ -n "$before" ]; then
    ask <<SQL
ALTER USER 'berth_replica'@'%' IDENTIFIED WITH caching_sha2_password AS '$before' REQUIRE NONE ACCOUNT UNLOCK;
ALTER USER 'berth_replica'@'%' IDENTIFIED WITH caching_sha2_password AS '$verifier' RETAIN CURRENT PASSWORD;
SQL
  else
    ask <<SQL
ALTER USER 'berth_replica'@'%' IDENTIFIED WITH caching_sha2_password AS '$verifier' REQUIRE NONE ACCOUNT UNLOCK;
ALTER USER 'berth_replica'@'%' DISCARD OLD PASSWORD;
SQL
  fi
fi
# MariaDB shows the verifier as well.
found=$(ask <<'SQL' | sed 's/ IDENTIFIED .*//'
SHOW GRANTS FOR 'berth_replica'@'%';
SQL
)
if [ "$found" != 'GRANT REPLICATION SLAVE ON *.* TO `berth_replica`@`%`
GRANT BACKUP_ADMIN ON *.* TO `berth_replica`@`%`' ]; then
  ask <<'SQL'
REVOKE ALL PRIVILEGES, GRANT OPTION FROM 'berth_replica'@'%';
GRANT REPLICATION SLAVE ON *.* TO `berth_replica`@`%`;
GRANT BACKUP_ADMIN ON *.* TO `berth_replica`@`%`;
SQL
fi

# Nobody makes backups of it.
found=$(ask <<'SQL'
SELECT count(*) FROM mysql.user WHERE user = 'berth_backup' AND host = '%';
SQL
)
if [ "$found" != 0 ]; then
  ask <<'SQL'
DROP USER 'berth_backup'@'%';
SQL
fi

# By this plugin replicas and backups copy the server, file by file.
found=$(ask <<'SQL'
SELECT count(*) FROM information_schema.plugins WHERE plugin_name = 'clone';
SQL
)
if [ "$found" = 0 ]; then
  ask <<'SQL'
INSTALL PLUGIN clone SONAME 'mysql_clone.so';
SQL
fi
