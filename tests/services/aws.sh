#!/bin/sh
# SNS, SQS, DynamoDB, STS and S3 on 127.0.0.1 for the service tests (ministack, from PyPI into target/services).
#
#   aws.sh install            fetch it, if it is not there (25 MB); `start` does so by itself
#   aws.sh start              start it, if it does not run, and wait until it answers; it starts empty
#   aws.sh stop               end what `start` started
#   aws.sh env                shell exports for tests: TIDEGATE_AWS_URL and test credentials
#   aws.sh run COMMAND...     start it, run the command with these exports, stop it
#
# TIDEGATE_AWS_PORT (24566); TIDEGATE_SERVICES: where it lives (target/services).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
pins=$here/aws/requirements.txt
target=${TIDEGATE_SERVICES:-$(cd "$here/../.." && pwd)/target/services}
port=${TIDEGATE_AWS_PORT:-24566}
venv=$target/ministack
run=$target/aws-$port
pid_file=$run/pid

fail() {
	echo "aws.sh: $*" >&2
	exit 1
}

install() {
	cmp -s "$pins" "$venv/installed" && return
	command -v python3 >/dev/null || fail "python3 is missing; ministack needs Python 3.10 or later"
	rm -rf "$venv"
	mkdir -p "$target"
	python3 -m venv "$venv" || fail "python3 makes no virtual environment (Debian: apt-get install python3-venv)"
	"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$pins" || fail "pip cannot install $pins"
	cp "$pins" "$venv/installed"
}

# When a process was started: a pid that the system has given to another program is never killed.
born() { ps -o lstart= -p "$1" 2>/dev/null || true; }

running() {
	[ -f "$pid_file" ] || return 1
	pid=$(sed -n 1p "$pid_file")
	[ -n "$(born "$pid")" ] && [ "$(born "$pid")" = "$(sed -n 2p "$pid_file")" ]
}

open() {
	python3 -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)" 2>/dev/null
}

answers() {
	python3 -c "import urllib.request as u; u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:$port/_ministack/health', timeout=5)" 2>/dev/null
}

start() {
	running && return
	install
	if open; then fail "port $port is taken by another program; set TIDEGATE_AWS_PORT"; fi
	# It keeps sockets and a pid file of its own in TMPDIR: another copy must not find them.
	rm -rf "$run"
	mkdir -p "$run/tmp"
	env BIND_HOST=127.0.0.1 GATEWAY_PORT="$port" LOG_LEVEL=WARNING TMPDIR="$run/tmp" \
		"$venv/bin/ministack" >"$run/log" 2>&1 </dev/null &
	pid=$!
	{ echo "$pid"; born "$pid"; } >"$pid_file"
	tries=150
	until answers; do
		tries=$((tries - 1))
		if [ "$tries" = 0 ] || ! running; then
			tail -n 15 "$run/log" >&2
			stop
			fail "ministack does not answer on port $port; see $run/log"
		fi
		sleep 0.2
	done
}

stop() {
	if running; then
		kill "$pid" 2>/dev/null || true
		tries=50
		while [ "$tries" -gt 0 ] && running; do sleep 0.1; tries=$((tries - 1)); done
		if running; then kill -9 "$pid" 2>/dev/null || true; fi
	fi
	rm -f "$pid_file"
}

# No account, no profile and no metadata address: a test meets nothing but the stand-in.
exports() {
	echo "unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL AWS_ENDPOINT_URL_SNS AWS_ENDPOINT_URL_SQS AWS_ENDPOINT_URL_DYNAMODB AWS_ENDPOINT_URL_STS"
	echo "export TIDEGATE_AWS_URL=http://127.0.0.1:$port AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test"
	echo "export AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null"
}

case ${1:-} in
install) install ;;
start) start ;;
stop) stop ;;
env)
	running || fail "it does not run; start it"
	exports
	;;
run)
	shift
	start
	trap stop EXIT
	trap 'exit 1' INT TERM
	eval "$(exports)"
	"$@"
	;;
*)
	sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
