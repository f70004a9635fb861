#!/bin/sh
# pySigma's opinion of the shipped rules: `sigma check` of sigma-cli (from PyPI into target/services: 20 MB).
#
#   sigma.sh install          fetch it, if it is not there; `check` does so by itself
#   sigma.sh check [FOLDER]   errors and issues in the rules of a folder (rules); fails if there are any
#
# TIDEGATE_SERVICES: where it lives (target/services). What is looked at is in sigma/validators.yml.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
pins=$here/sigma/requirements.txt
target=${TIDEGATE_SERVICES:-$root/target/services}
venv=$target/sigma

fail() {
	echo "sigma.sh: $*" >&2
	exit 1
}

install() {
	cmp -s "$pins" "$venv/installed" && return
	command -v python3 >/dev/null || fail "python3 is missing; sigma-cli needs Python 3.10 or later"
	rm -rf "$venv"
	mkdir -p "$target"
	python3 -m venv "$venv" || fail "python3 makes no virtual environment (Debian: apt-get install python3-venv)"
	"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$pins" || fail "pip cannot install $pins"
	cp "$pins" "$venv/installed"
}

check() {
	install
	copy=$target/sigma-rules
	rm -rf "$copy"
	mkdir -p "$copy"
	cp -R "$1/." "$copy"
	# One rule is known by a name (`aws/guardduty/finding`), where pySigma takes only a UUID: here it gets one.
	find "$copy" -name aws_guardduty_finding.yml -exec \
		sed -i.was 's|^id: aws/guardduty/finding$|id: 6f1d3f0e-0000-4000-8000-000000000001|' {} +
	find "$copy" -name '*.was' -exec rm {} +
	said=$target/sigma-check.txt
	if "$venv/bin/sigma" check --fail-on-error --fail-on-issues --validation-config "$here/sigma/validators.yml" "$copy" >"$said" 2>&1; then
		echo "sigma check: no errors, no issues in $(find "$copy" -name '*.yml' | wc -l | tr -d ' ') rule files"
	else
		sed "s|$copy|$1|g" "$said" >&2
		fail "pySigma finds something to mend in $1"
	fi
}

case ${1:-} in
install) install ;;
check) check "${2:-$root/rules}" ;;
*)
	sed -n '2,7s/^# \{0,1\}//p' "$0"
	exit 2
	;;
esac
