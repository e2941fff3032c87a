# Runs a throw-away PostgreSQL in DIR on loopback PORT, with the programs in BIN and
# the further SETTINGS, until standard input ends, as it does when whoever started this
# is gone, however it went. Lines of it are commands: stop, kill and start; each is
# answered with "done". PostgreSQL refuses to run as root; then it runs as its own user.
set -eu
bin=$1 dir=$2 port=$3 settings=${4-}
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
start() {
	$as "$bin/pg_ctl" -D data -w -t 60 -l "$dir/data/log" -o "-c listen_addresses=127.0.0.1 -p $port \
		-c unix_socket_directories='' -c fsync=off -c shared_buffers=64MB -c max_connections=200 -c autovacuum=off $settings" start >>log 2>&1
}
# After a kill the last of its processes may take a moment to notice, and none is
# started beside them.
restart() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		if start; then return; fi
		sleep 0.5
	done
	return 1
}
$as "$bin/initdb" -D data -U app -A trust -E UTF8 --locale=C --no-sync >log 2>&1 || { cat log; exit 1; }
start || { cat log data/log; exit 1; }
echo ready
while read -r command; do
	case $command in
	stop) $as "$bin/pg_ctl" -D data -w -m immediate stop >>log 2>&1 ;;
	kill) kill -9 "$(head -n 1 data/postmaster.pid)" ;;
	start) restart ;;
	*) false ;;
	esac || { echo "$command failed"; cat log data/log; exit 1; }
	echo done
done
