#!/bin/sh
# The stand-ins that tidegate.example.yaml runs against, all on 127.0.0.1: Kinesis with two streams, SNS with two topics and a queue that
# hears both, DynamoDB, OpenSearch. For trying the program by hand; every test starts its own.
#
#   services.sh start    fetch what is missing (300 MB at first), start, make streams, topics and queue
#   services.sh env      shell exports: credentials of a test account, no real one
#   services.sh put STREAM FILE...   put records
#   services.sh pages    print and take away the pages that came to the queue, one JSON a line
#   services.sh stop     end all of it; the data is gone
set -eu

here=$(cd "$(dirname "$0")" && pwd)
export TIDEGATE_KINESIS_PORT=24571 TIDEGATE_AWS_PORT=24566
search() { NAME=example PORT=24572 "$here/opensearch.sh" "$@"; }

case ${1:-} in
start)
	"$here/kinesis.sh" start
	"$here/aws.sh" start
	search start >/dev/null
	python3 "$here/example.py" make
	;;
env)
	cat <<-'ENV'
		unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL
		export AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_EC2_METADATA_DISABLED=true
		export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
	ENV
	;;
put)
	shift
	python3 "$here/example.py" put "$@"
	;;
pages) python3 "$here/example.py" pages ;;
stop)
	"$here/kinesis.sh" stop
	"$here/aws.sh" stop
	search wipe
	;;
*)
	sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
