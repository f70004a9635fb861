#!/bin/sh
# Prometheus and promtool for the dashboard test: those of the system, else Debian's package unpacked below target/services.
#
#   prometheus.sh install         fetch it if need be (20 MB), print the folder of the two programs
#
# Nothing is installed into the system and nothing is started here: the test starts its own Prometheus on 127.0.0.1.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=$(cd "$here/../.." && pwd)/target/services/prometheus
programs=$target/root/usr/bin

install() {
	if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
		dirname "$(command -v prometheus)"
		return
	fi
	if [ ! -x "$programs/promtool" ]; then
		if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
			echo "prometheus.sh: put prometheus and promtool (2.40 or later) on the PATH: there is no apt-get to fetch them with" >&2
			exit 1
		fi
		mkdir -p "$target"
		(
			cd "$target"
			rm -rf root ./*.deb
			apt-get download prometheus >download.log 2>&1 || { apt-get update && apt-get download prometheus; } >>download.log 2>&1 || {
				echo "prometheus.sh: apt-get cannot download prometheus; see $target/download.log" >&2
				exit 1
			}
			dpkg-deb -x prometheus_*.deb root.part
			mv root.part root
		)
	fi
	echo "$programs"
}

case ${1:-} in
install) install ;;
*)
	sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
