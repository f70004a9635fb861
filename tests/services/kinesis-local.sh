#!/bin/sh
# A second Kinesis on 127.0.0.1, of other authors, as a second opinion (kinesis-local, from npm into target/services; needs node 18).
# It is slow: for some thousand records.
#
#   kinesis-local.sh start    fetch it, if it is not there (16 MB), start it, and wait until it answers; it starts empty
#   kinesis-local.sh stop     end what `start` started
#   kinesis-local.sh run COMMAND...   start it, run the command with TIDEGATE_KINESIS_URL and test credentials, end it
#
# TIDEGATE_KINESIS_LOCAL_PORT (24581); it takes the next port too.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=$(cd "$here/../.." && pwd)/target/services
version=0.6.2
port=${TIDEGATE_KINESIS_LOCAL_PORT:-24581}
folder=$target/kinesis-local
program=$folder/node_modules/kinesis-local
pid_file=$target/kinesis-local-$port.pid

fail() {
	echo "kinesis-local.sh: $*" >&2
	exit 1
}

# When a process was started: a pid that the system has given to another program is never killed.
born() { ps -o lstart= -p "$1" 2>/dev/null || true; }

running() {
	[ -f "$pid_file" ] || return 1
	pid=$(sed -n 1p "$pid_file")
	[ -n "$(born "$pid")" ] && [ "$(born "$pid")" = "$(sed -n 2p "$pid_file")" ]
}

install() {
	grep -qs "\"version\": *\"$version\"" "$program/package.json" && return
	command -v npm >/dev/null || fail "npm is missing (Debian: apt-get install nodejs npm)"
	npm install --silent --no-audit --no-fund --no-package-lock --prefix "$folder" "kinesis-local@$version" || fail "npm cannot install kinesis-local@$version"
}

answers() {
	python3 -c "import urllib.request as u; u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:$port/healthcheck', timeout=5)" 2>/dev/null
}

start() {
	running && return
	install
	if answers; then fail "port $port is taken by another program; set TIDEGATE_KINESIS_LOCAL_PORT"; fi
	env KINESIS_MOCK_PLAIN_PORT="$port" KINESIS_MOCK_TLS_PORT=$((port + 1)) KINESIS_MOCK_CERT_PATH="$program/server.json" LOG_LEVEL=ERROR \
		SHARD_LIMIT=500 CREATE_STREAM_DURATION=20ms SPLIT_SHARD_DURATION=20ms MERGE_SHARDS_DURATION=20ms REGISTER_STREAM_CONSUMER_DURATION=20ms \
		node --require "$here/kinesis-local.cjs" "$program/main.js" >"$target/kinesis-local-$port.log" 2>&1 </dev/null &
	pid=$!
	{ echo "$pid"; born "$pid"; } >"$pid_file"
	tries=150
	until answers; do
		tries=$((tries - 1))
		if [ "$tries" = 0 ] || ! running; then
			stop
			fail "it does not answer on port $port; see $target/kinesis-local-$port.log"
		fi
		sleep 0.2
	done
}

# It does not hear TERM.
stop() {
	if running; then kill -KILL "$pid" 2>/dev/null || true; fi
	rm -f "$pid_file"
}

case ${1:-} in
start) start ;;
stop) stop ;;
run)
	shift
	start
	trap stop EXIT
	trap 'exit 1' INT TERM
	# No account, no profile and no metadata address: a test meets nothing but the stand-in.
	unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL AWS_ENDPOINT_URL_KINESIS || true
	export TIDEGATE_KINESIS_URL="http://127.0.0.1:$port" AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
	export AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
	"$@"
	;;
*)
	sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
