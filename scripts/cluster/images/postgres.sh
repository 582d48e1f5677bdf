#!/bin/sh
# The program of the test's PostgreSQL pod. Makes a data folder if there is none, with the superuser's password from POSTGRES_PASSWORD_FILE, the statements
# of /init/*.sql (one per line), and TLS if /tls has a certificate. Then runs the server as process 1.
set -eu

data=/var/lib/postgresql/data
if [ ! -e "$data/PG_VERSION" ]; then
  initdb --username=postgres --auth-local=trust --auth-host=scram-sha-256 --pwfile="$POSTGRES_PASSWORD_FILE" \
    --encoding=UTF8 --locale=C --no-sync --pgdata "$data"
  cat >>"$data/postgresql.conf" <<CONF
listen_addresses = '*'
unix_socket_directories = '/tmp'
shared_preload_libraries = 'pg_stat_statements'
track_io_timing = on
shared_buffers = 32MB
max_connections = 200
log_line_prefix = '%m [%p] %q%u@%d %e %a '
# The data of a test need not survive a power failure.
fsync = off
full_page_writes = off
CONF
  if [ -e /tls/tls.crt ]; then
    printf "ssl = on\nssl_cert_file = '/tls/tls.crt'\nssl_key_file = '/tls/tls.key'\n" >>"$data/postgresql.conf"
  fi
  echo "host all all all scram-sha-256" >>"$data/pg_hba.conf"
  for file in /init/*.sql; do
    [ -e "$file" ] || continue
    postgres --single -D "$data" postgres <"$file" >/dev/null
  done
fi
exec postgres -D "$data"
