# Runs a throw-away PostgreSQL in DIR on loopback PORT, with the programs in BIN,
# until standard input ends, as it does when whoever started this is gone, however
# it went. PostgreSQL refuses to run as root; then it runs as its own user.
set -eu
bin=$1 dir=$2 port=$3
as=
if [ "$(id -u)" = 0 ]; then
	chown postgres: "$dir"
	as="setpriv --reuid=postgres --regid=postgres --init-groups"
fi
cd "$dir"
stop() {
	if [ -s data/postmaster.pid ]; then $as "$bin/pg_ctl" -D data -m immediate stop >/dev/null 2>&1 || true; fi
	cd /
	rm -rf "$dir"
}
trap stop EXIT
trap 'exit 1' INT TERM HUP
$as "$bin/initdb" -D data -U app -A trust -E UTF8 --locale=C --no-sync >log 2>&1 || { cat log; exit 1; }
# What a test writes need not survive the machine.
$as "$bin/pg_ctl" -D data -w -t 60 -l "$dir/data/log" -o "-c listen_addresses=127.0.0.1 -p $port \
	-c unix_socket_directories='' -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
	-c shared_buffers=64MB -c max_connections=200 -c autovacuum=off" start >>log 2>&1 || { cat log data/log; exit 1; }
echo ready
cat >/dev/null || true
