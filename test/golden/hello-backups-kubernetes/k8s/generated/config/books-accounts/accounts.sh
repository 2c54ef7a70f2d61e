#!/bin/sh
# Brings accounts, passwords, grants and the database of the application to what berth.yaml says. Changes nothing when nothing is to do.
# No password comes here: files hold the verifiers that the server would make of them, and the administrator's stands in an option file for its client.
set -eu
# Statements come by standard input: a command line can be seen by others.
ask() {
  mariadb --defaults-extra-file='/run/secrets/books-admin-client' --host=books --port=3306 --protocol=tcp --connect-timeout=10 --batch --raw --skip-column-names
}
# Compose would recreate whatever depends on a recreated database, so this waits by itself. By TCP: the temporary server of the first start has none.
tries=0
until echo 'SELECT 1;' | ask >/dev/null 2>/tmp/why; do
  tries=$((tries + 1))
  if [ "$tries" -ge 180 ]; then
    echo "the database books does not let its administrator in after three minutes: $(cat /tmp/why)" >&2
    exit 1
  fi
  sleep 1
done

found=$(ask <<'SQL'
SELECT schema_name FROM information_schema.schemata WHERE schema_name = 'hello';
SQL
)
if [ -z "$found" ]; then
  ask <<'SQL'
CREATE DATABASE `hello`;
SQL
fi

# Into this row backups write the time, by which a restore is measured.
found=$(ask <<'SQL'
SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'berth_canary' AND table_name = 'canary';
SQL
)
if [ "$found" = 0 ]; then
  ask <<'SQL'
CREATE DATABASE IF NOT EXISTS `berth_canary`;
CREATE TABLE `berth_canary`.`canary` (id TINYINT PRIMARY KEY, moment DATETIME(6) NOT NULL) ENGINE = InnoDB;
SQL
fi
found=$(ask <<'SQL'
SELECT COUNT(*) FROM `berth_canary`.`canary`;
SQL
)
if [ "$found" = 0 ]; then
  ask <<'SQL'
INSERT INTO `berth_canary`.`canary` VALUES (1, UTC_TIMESTAMP(6));
SQL
fi

# By this a session of backups, which only reads, gives the lock of each table back once it has read it. It may not turn the log off in any other way.
found=$(ask <<'SQL'
SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema = 'berth_canary' AND routine_name = 'unlogged';
SQL
)
if [ "$found" = 0 ]; then
  ask <<'SQL'
CREATE PROCEDURE `berth_canary`.`unlogged`() SQL SECURITY DEFINER SET SESSION sql_log_bin = 0;
SQL
fi

# an application migrates its own schema, so it owns its database and nothing else
verifier=$(cat '/run/secrets/books-verifier')
# After a rotation the version before counts as well, until it is retired: then this file is empty.
before=$(cat '/run/secrets/books-verifier-before')
found=$(ask <<'SQL'
SELECT CONCAT_WS(' ', JSON_VALUE(Priv, '$.plugin'), JSON_VALUE(Priv, '$.authentication_string'), COALESCE(JSON_VALUE(Priv, '$.auth_or[1].authentication_string'), '-'), IF(JSON_VALUE(Priv, '$.account_locked') IN ('1', 'true'), 'locked', 'open')) FROM mysql.global_priv WHERE user = 'hello' AND host = '%';
SQL
)
if [ "$found" != "mysql_native_password $verifier ${before:--} open" ]; then
  ask <<SQL
CREATE USER IF NOT EXISTS 'hello'@'%' IDENTIFIED VIA mysql_native_password USING '$verifier';
SQL
  if [ -n "$before" ]; then
    ask <<SQL
ALTER USER 'hello'@'%' IDENTIFIED VIA mysql_native_password USING '$verifier' OR mysql_native_password USING '$before' REQUIRE NONE ACCOUNT UNLOCK;
SQL
  else
    ask <<SQL
ALTER USER 'hello'@'%' IDENTIFIED VIA mysql_native_password USING '$verifier' REQUIRE NONE ACCOUNT UNLOCK;
SQL
  fi
fi
# MariaDB shows the verifier as well.
found=$(ask <<'SQL' | sed 's/ IDENTIFIED .*//'
SHOW GRANTS FOR 'hello'@'%';
SQL
)
if [ "$found" != 'GRANT USAGE ON *.* TO `hello`@`%`
GRANT ALL PRIVILEGES ON `hello`.* TO `hello`@`%`' ]; then
  ask <<'SQL'
REVOKE ALL PRIVILEGES, GRANT OPTION FROM 'hello'@'%';
GRANT ALL PRIVILEGES ON `hello`.* TO `hello`@`%`;
SQL
fi

# a health check logs in from its own container and asks for nothing; without an account, every check would leave a refused login behind
verifier=$(cat '/run/secrets/books-health-verifier')
before=
found=$(ask <<'SQL'
SELECT CONCAT_WS(' ', JSON_VALUE(Priv, '$.plugin'), JSON_VALUE(Priv, '$.authentication_string'), COALESCE(JSON_VALUE(Priv, '$.auth_or[1].authentication_string'), '-'), IF(JSON_VALUE(Priv, '$.account_locked') IN ('1', 'true'), 'locked', 'open')) FROM mysql.global_priv WHERE user = 'berth_health' AND host = '127.0.0.1';
SQL
)
if [ "$found" != "mysql_native_password $verifier ${before:--} open" ]; then
  ask <<SQL
CREATE USER IF NOT EXISTS 'berth_health'@'127.0.0.1' IDENTIFIED VIA mysql_native_password USING '$verifier';
SQL
  if [ -n "$before" ]; then
    ask <<SQL
ALTER USER 'berth_health'@'127.0.0.1' IDENTIFIED VIA mysql_native_password USING '$verifier' OR mysql_native_password USING '$before' REQUIRE NONE ACCOUNT UNLOCK;
SQL
  else
    ask <<SQL
ALTER USER 'berth_health'@'127.0.0.1' IDENTIFIED VIA mysql_native_password USING '$verifier' REQUIRE NONE ACCOUNT UNLOCK;
SQL
  fi
fi
# MariaDB shows the verifier as well.
found=$(ask <<'SQL' | sed 's/ IDENTIFIED .*//'
SHOW GRANTS FOR 'berth_health'@'127.0.0.1';
SQL
)
if [ "$found" != 'GRANT USAGE ON *.* TO `berth_health`@`127.0.0.1`' ]; then
  ask <<'SQL'
REVOKE ALL PRIVILEGES, GRANT OPTION FROM 'berth_health'@'127.0.0.1';
SQL
fi

# a backup copies the whole server and follows its log; it changes nothing but the time in its canary
verifier=$(cat '/run/secrets/books-backup-verifier')
before=
found=$(ask <<'SQL'
SELECT CONCAT_WS(' ', JSON_VALUE(Priv, '$.plugin'), JSON_VALUE(Priv, '$.authentication_string'), COALESCE(JSON_VALUE(Priv, '$.auth_or[1].authentication_string'), '-'), IF(JSON_VALUE(Priv, '$.account_locked') IN ('1', 'true'), 'locked', 'open')) FROM mysql.global_priv WHERE user = 'berth_backup' AND host = '%';
SQL
)
if [ "$found" != "mysql_native_password $verifier ${before:--} open" ]; then
  ask <<SQL
CREATE USER IF NOT EXISTS 'berth_backup'@'%' IDENTIFIED VIA mysql_native_password USING '$verifier';
SQL
  if [ -n "$before" ]; then
    ask <<SQL
ALTER USER 'berth_backup'@'%' IDENTIFIED VIA mysql_native_password USING '$verifier' OR mysql_native_password USING '$before' REQUIRE NONE ACCOUNT UNLOCK;
SQL
  else
    ask <<SQL
ALTER USER 'berth_backup'@'%' IDENTIFIED VIA mysql_native_password USING '$verifier' REQUIRE NONE ACCOUNT UNLOCK;
SQL
  fi
fi
# MariaDB shows the verifier as well.
found=$(ask <<'SQL' | sed 's/ IDENTIFIED .*//'
SHOW GRANTS FOR 'berth_backup'@'%';
SQL
)
if [ "$found" != 'GRANT SELECT, REPLICATION SLAVE, SHOW VIEW, EVENT, TRIGGER ON *.* TO `berth_backup`@`%`
GRANT UPDATE ON `berth_canary`.`canary` TO `berth_backup`@`%`
GRANT EXECUTE ON PROCEDURE `berth_canary`.`unlogged` TO `berth_backup`@`%`' ]; then
  ask <<'SQL'
REVOKE ALL PRIVILEGES, GRANT OPTION FROM 'berth_backup'@'%';
GRANT SELECT, REPLICATION SLAVE, SHOW VIEW, EVENT, TRIGGER ON *.* TO `berth_backup`@`%`;
GRANT UPDATE ON `berth_canary`.`canary` TO `berth_backup`@`%`;
GRANT EXECUTE ON PROCEDURE `berth_canary`.`unlogged` TO `berth_backup`@`%`;
SQL
fi

# Nothing follows this server, so nobody may copy it.
found=$(ask <<'SQL'
SELECT count(*) FROM mysql.user WHERE user = 'berth_replica' AND host = '%';
SQL
)
if [ "$found" != 0 ]; then
  ask <<'SQL'
DROP USER 'berth_replica'@'%';
SQL
fi
