#!/bin/sh
# A Kinesis on 127.0.0.1 for the service tests (ferrokinesis, built once into target/services).
#
#   kinesis.sh start              start it, if it does not run, and wait until it answers
#   kinesis.sh stop               end what `start` started
#   kinesis.sh run COMMAND...     start it, run the command with TIDEGATE_KINESIS_URL and test credentials, stop it
#
# TIDEGATE_KINESIS_PORT (24571); TIDEGATE_KINESIS_ITERATOR_SECONDS (300): how long an iterator lives.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=$(cd "$here/../.." && pwd)/target/services
port=${TIDEGATE_KINESIS_PORT:-24571}
program=$target/debug/test-kinesis
pid_file=$target/kinesis-$port.pid

# When a process was started: a pid that the system has given to another program is never killed.
born() { ps -o lstart= -p "$1" 2>/dev/null || true; }

running() {
	[ -f "$pid_file" ] || return 1
	pid=$(sed -n 1p "$pid_file")
	[ -n "$(born "$pid")" ] && [ "$(born "$pid")" = "$(sed -n 2p "$pid_file")" ]
}

answers() {
	python3 -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)" 2>/dev/null
}

start() {
	running && return
	mkdir -p "$target"
	CARGO_TARGET_DIR=$target cargo build --quiet --locked --manifest-path "$here/kinesis/Cargo.toml"
	if answers; then
		echo "kinesis.sh: port $port is taken by another program; set TIDEGATE_KINESIS_PORT" >&2
		exit 1
	fi
	"$program" "$port" "${TIDEGATE_KINESIS_ITERATOR_SECONDS:-300}" >"$target/kinesis-$port.log" 2>&1 &
	pid=$!
	{ echo "$pid"; born "$pid"; } >"$pid_file"
	tries=100
	until answers; do
		tries=$((tries - 1))
		if [ "$tries" = 0 ] || ! running; then
			echo "kinesis.sh: Kinesis does not answer on port $port; see $target/kinesis-$port.log" >&2
			stop
			exit 1
		fi
		sleep 0.1
	done
}

stop() {
	if running; then kill "$pid" 2>/dev/null || true; fi
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
	sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
