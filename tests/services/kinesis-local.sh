#!/bin/sh
# A second Kinesis on 127.0.0.1 for the service tests: kinesis-local of npm. It is slow, and closer to AWS where the first one is not: ARNs in
# ListShards, MillisBehindLatest, ChildShards, where subscriptions begin.
#
#   kinesis-local.sh run COMMAND...   start it, run the command with TIDEGATE_KINESIS_URL and test credentials, end it
#
# TIDEGATE_KINESIS_LOCAL_PORT (24573); the next port is used, too. Needs node 18 or newer and npm.
set -eu

version=0.6.2
here=$(cd "$(dirname "$0")" && pwd)
folder=$(cd "$here/../.." && pwd)/target/services/kinesis-local
program=$folder/node_modules/kinesis-local
port=${TIDEGATE_KINESIS_LOCAL_PORT:-24573}

answers() {
	python3 -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)" 2>/dev/null
}

[ "${1:-}" = run ] || {
	sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
	exit 2
}
shift
mkdir -p "$folder"
grep -qs "\"version\" *: *\"$version\"" "$program/package.json" ||
	npm install --no-audit --no-fund --no-package-lock --silent --prefix "$folder" "kinesis-local@$version"
if answers; then
	echo "kinesis-local.sh: port $port is taken by another program; set TIDEGATE_KINESIS_LOCAL_PORT" >&2
	exit 1
fi
KINESIS_MOCK_PLAIN_PORT=$port KINESIS_MOCK_TLS_PORT=$((port + 1)) KINESIS_MOCK_CERT_PATH="$program/server.json" LOG_LEVEL=ERROR \
	SHARD_LIMIT=500 CREATE_STREAM_DURATION=50ms DELETE_STREAM_DURATION=50ms SPLIT_SHARD_DURATION=50ms MERGE_SHARDS_DURATION=50ms \
	REGISTER_STREAM_CONSUMER_DURATION=50ms node --require "$here/kinesis-local.cjs" "$program/main.js" >"$folder/log" 2>&1 &
pid=$!
# It does not end by TERM.
trap 'kill -KILL "$pid" 2>/dev/null || true' EXIT
trap 'exit 1' INT TERM
tries=150
until answers; do
	tries=$((tries - 1))
	if [ "$tries" = 0 ] || ! kill -0 "$pid" 2>/dev/null; then
		echo "kinesis-local.sh: it does not answer on port $port; see $folder/log" >&2
		exit 1
	fi
	sleep 0.2
done
# No account, no profile and no metadata address: a test meets nothing but the stand-in.
unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL AWS_ENDPOINT_URL_KINESIS || true
export TIDEGATE_KINESIS_URL="http://127.0.0.1:$port" AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
export AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
"$@"
