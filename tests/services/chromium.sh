#!/bin/sh
# A browser for the test of pages: that of the system, else Debian's package unpacked below target/services.
#
#   chromium.sh install           fetch it if need be (130 MB), print the program to start
#
# Nothing is installed into the system and nothing is started here: the test starts its own browser, which has no network to reach.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=$(cd "$here/../.." && pwd)/target/services/chromium
program=$target/chromium

fetch() {
	if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
		echo "chromium.sh: put chromium on the PATH: there is no apt-get to fetch it with" >&2
		exit 1
	fi
	mkdir -p "$target/debs/partial"
	(
		cd "$target"
		# What the system lacks for it comes along: downloaded, not installed.
		options="-o Dir::Cache::archives=$target/debs -o Debug::NoLocking=1 --download-only --no-install-recommends --yes"
		# shellcheck disable=SC2086 # several options
		apt-get $options install chromium >download.log 2>&1 || { apt-get update && apt-get $options install chromium; } >>download.log 2>&1 || {
			echo "chromium.sh: apt-get cannot download chromium; see $target/download.log" >&2
			exit 1
		}
		rm -rf root.part root
		for package in debs/*.deb; do dpkg-deb -x "$package" root.part; done
		mv root.part root
		rm -rf debs
	)
	libraries=$target/root/usr/lib/$(uname -m)-linux-gnu
	cat >"$program" <<END
#!/bin/sh
LD_LIBRARY_PATH="$libraries:$libraries/pulseaudio:$target/root/lib/$(uname -m)-linux-gnu" exec "$target/root/usr/lib/chromium/chromium" "\$@"
END
	chmod +x "$program"
}

install() {
	for name in chromium chromium-browser google-chrome; do
		if command -v "$name" >/dev/null; then
			command -v "$name"
			return
		fi
	done
	[ -x "$program" ] || fetch
	echo "$program"
}

case ${1:-} in
install) install ;;
*)
	sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
