#!/usr/bin/env bash
# Makes this machine ready for `npm start` (tour) or `npm test` (test): npm packages, the build, and the servers
# that are missing. `consul` gets Consul alone and prints its path, `haproxy-3` a HAProxy 3. With nothing to do it says
# nothing.
#
#   scripts/setup.sh tour|test|consul|haproxy-3
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly MIN_NODE_MAJOR=20
readonly CONSUL_DIR=.cache/consul
readonly CONSUL_IN_CACHE=$CONSUL_DIR/usr/bin/consul
readonly HAPROXY_3_DIR=.cache/haproxy-3
readonly HAPROXY_3_IN_CACHE=$HAPROXY_3_DIR/haproxy
# With every library it loads, the C library among them.
readonly HAPROXY_3_PACKAGES=(haproxy libc6 libcrypt1 libgcc-s1 libjemalloc2 liblua5.4-0 libopentracing-c-wrapper0t64
  libopentracing1 libpcre2-8-0 libssl3t64 libstdc++6 libzstd1 zlib1g)

# What each purpose needs from the system, as command:package, or path:package for what is no command. A new kind of
# server is one word here.
readonly TOUR_NEEDS=(haproxy:haproxy memcached:memcached redis-server:redis-server redis-sentinel:redis-sentinel mariadbd:mariadb-server setpriv:util-linux)
readonly TEST_NEEDS=("${TOUR_NEEDS[@]}" systemd-notify:systemd openssl:openssl rsync:rsync
  patroni:patroni /usr/lib/python3/dist-packages/consul:python3-consul pgbouncer:pgbouncer
  "/usr/lib/postgresql/*/bin/initdb:postgresql" /usr/share/java/zookeeper.jar:zookeeper ip:iproute2)

main() {
  local purpose=${1:-}
  case $purpose in
    tour)
      check_node
      setup_servers "${TOUR_NEEDS[@]}"
      setup_packages
      ;;
    test)
      check_node
      setup_servers "${TEST_NEEDS[@]}"
      setup_consul
      setup_haproxy_3
      setup_packages
      ;;
    consul)
      setup_consul
      find_consul
      ;;
    haproxy-3)
      setup_haproxy_3
      find_haproxy_3
      ;;
    *)
      echo "usage: scripts/setup.sh tour|test|consul|haproxy-3" >&2
      exit 2
      ;;
  esac
}

# --- npm packages and the build ---

check_node() {
  local version
  version=$(node --version)
  version=${version#v}
  if ((${version%%.*} < MIN_NODE_MAJOR)); then
    echo "Node $version is too old: this project needs Node $MIN_NODE_MAJOR or newer." >&2
    exit 1
  fi
}

setup_packages() {
  # npm writes this file last, so one that is there and not older stands for a finished installation.
  if [[ ! -e node_modules/.package-lock.json || package-lock.json -nt node_modules/.package-lock.json ]]; then
    step "installing npm packages" install_npm_packages
  fi
  if [[ ! -e dist/confd-haproxy.js || -n $(newer_source) ]]; then
    step "building dist/" node scripts/build.mjs
  fi
}

install_npm_packages() {
  # The hidden lock file gets the time of the newest package, which may be older than a fresh clone's lock file.
  npm ci --include=dev --no-audit --no-fund --no-progress && touch node_modules/.package-lock.json
}

newer_source() {
  find src checkers scripts/build.mjs package.json package-lock.json -newer dist/confd-haproxy.js -print -quit
}

# --- servers, by apt ---

setup_servers() {
  local need packages=()
  for need in "$@"; do
    on_path "${need%%:*}" || packages+=("${need##*:}")
  done
  ((${#packages[@]} > 0)) || return 0
  command -v apt-get >/dev/null || cannot_install "there is no apt-get on this machine" "${packages[@]}"
  may_install || cannot_install "this is not root, and sudo does not work without a password" "${packages[@]}"
  local names
  names=$(join_words "${packages[@]}")
  step "installing $names (apt)" apt_install "${packages[@]}"
}

may_install() {
  [[ $(id -u) == 0 ]] || sudo -n true 2>/dev/null
}

apt_install() {
  # On a machine that has just booted, its own updates may hold apt's lock for a while.
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
  [[ $(id -u) == 0 ]] || apt=(sudo -n "${apt[@]}")
  # A third party's source that fails to update must not stop what the others can give.
  "${apt[@]}" update || echo "apt-get update failed; trying with what is known"
  "${apt[@]}" install -y --no-install-recommends "$@"
}

cannot_install() {
  local why=$1
  shift
  cat >&2 <<TEXT
Some programs are missing and cannot be installed from here: $why.

Install, as root:

    apt-get update && apt-get install -y --no-install-recommends $*

(on other systems: $(join_words "$@"), by that system's means)
and run this again.
TEXT
  exit 1
}

# --- Consul: one binary in the project's own folder, from the distribution's release that still has it ---

setup_consul() {
  find_consul >/dev/null && return 0
  command -v apt-get >/dev/null || no_consul
  step "fetching Consul into $CONSUL_DIR (apt)" fetch_consul || no_consul
}

# Prints the path of the Consul to use: $CONSUL, the machine's, or our own.
find_consul() {
  if [[ -n ${CONSUL:-} ]]; then
    command -v "$CONSUL" && return 0
    echo "CONSUL=$CONSUL is not a program." >&2
    exit 1
  fi
  command -v consul && return 0
  [[ -x $CONSUL_IN_CACHE ]] && echo "$PWD/$CONSUL_IN_CACHE"
}

no_consul() {
  cat >&2 <<TEXT
Consul is missing and could not be fetched. Put a Consul 1.8 or newer on the PATH as "consul", or say
where it is with CONSUL=/path/to/consul, and run this again.
TEXT
  exit 1
}

fetch_consul() {
  fetch_into "$CONSUL_DIR" consul_source consul_works consul
}

consul_works() {
  "$1/usr/bin/consul" version
}

# The last releases of Debian and of Ubuntu with a Consul of the kind our users run (1.8.7).
consul_source() {
  case $(distribution) in
    ubuntu) echo "deb $(signed_by)$1 jammy universe" ;;
    *) echo "deb $(signed_by)$1 bullseye main" ;;
  esac
}

# --- HAProxy 3 beside the machine's own, to test with both: from the distribution's release that has it ---

# Some tests are skipped without it: it is no reason to stop.
setup_haproxy_3() {
  find_haproxy_3 >/dev/null && return 0
  command -v apt-get >/dev/null && step "fetching HAProxy 3 into $HAPROXY_3_DIR (apt)" fetch_haproxy_3 && return 0
  echo "The tests with HAProxy 3 are skipped: it could not be fetched. HAPROXY_3=/path/to/haproxy names one." >&2
}

# Prints the path of the HAProxy 3 to use: $HAPROXY_3, or our own.
find_haproxy_3() {
  if [[ -n ${HAPROXY_3:-} ]]; then
    command -v "$HAPROXY_3" && return 0
    echo "HAPROXY_3=$HAPROXY_3 is not a program." >&2
    exit 1
  fi
  [[ -x $HAPROXY_3_IN_CACHE ]] && echo "$PWD/$HAPROXY_3_IN_CACHE"
}

fetch_haproxy_3() {
  fetch_into "$HAPROXY_3_DIR" haproxy_3_source haproxy_3_works "${HAPROXY_3_PACKAGES[@]}"
}

haproxy_3_source() {
  case $(distribution) in
    debian) echo "deb $(signed_by)$1 trixie main" ;;
    *) return 1 ;;
  esac
}

# Its C library is newer than the machine's, so it is started by its own loader. A master executes itself anew by its
# name, argv[0], so that must be this script; and no command may be run in it: a shell that waits for one would take
# the news of a worker's end away from the master it is about to become again.
haproxy_3_works() {
  cat >"$1/haproxy" <<'SCRIPT'
#!/bin/sh
root=${0%/*}
for loader in "$root"/usr/lib/*/ld-linux*.so.*; do :; done
exec "$loader" --argv0 "$0" --library-path "${loader%/*}" "$root/usr/sbin/haproxy" "$@"
SCRIPT
  chmod +x "$1/haproxy"
  "$1/haproxy" -v
}

# --- programs of another release of this distribution, each in a folder of its own ---

# fetch_into FOLDER SOURCE WORKS PACKAGE…: SOURCE prints apt's line for a mirror, WORKS says whether what was unpacked
# runs. apt runs with a source list, lists and cache of its own: the system's are only asked for the mirror's address.
# It needs no rights for that.
fetch_into() {
  local folder=$1 source=$2 works=$3 work=$PWD/$1.new mirror
  shift 3
  for mirror in $(distribution_mirrors); do
    rm -rf "$work"
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/root"
    echo "trying $mirror"
    if "$source" "$mirror" >"$work/sources.list" && unpack_from "$work" "$@" && "$works" "$work/root"; then
      rm -rf "$folder"
      mv "$work/root" "$folder"
      rm -rf "$work"
      return 0
    fi
  done
  rm -rf "$work"
  echo "no package source of this machine has $1"
  return 1
}

unpack_from() {
  local work=$1 package
  shift
  # Check-Valid-Until: a release that is no longer updated says that it has expired.
  local apt=(apt-get -q -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o Acquire::Check-Valid-Until=false
    -o APT::Sandbox::User="$(id -un)")
  "${apt[@]}" update && (cd "$work" && "${apt[@]}" download "$@") || return 1
  for package in "$work"/*.deb; do
    dpkg -x "$package" "$work/root" || return 1
  done
}

signed_by() {
  local keyring
  for keyring in /usr/share/keyrings/"$(distribution)"-archive-keyring.{gpg,pgp}; do
    [[ ! -e $keyring ]] || echo "[signed-by=$keyring] "
  done
}

distribution() {
  . /etc/os-release
  # Set by Ubuntu and by what derives from it, and by nothing else.
  if [[ -n ${UBUNTU_CODENAME:-} ]]; then echo ubuntu; else echo debian; fi
}

# The addresses this machine gets its own release from. apt reads them out of either format of its lists.
distribution_mirrors() {
  . /etc/os-release
  local release=${UBUNTU_CODENAME:-${VERSION_CODENAME:-}}
  apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk -v release="$release" '$2 == "main" && ($1 == release || $1 ~ /^(stable|testing|unstable|sid)$/) && !seen[$3]++ { print $3 }'
}

# --- small things ---

# Servers live where a plain user's PATH does not lead.
on_path() {
  if [[ $1 == /* ]]; then
    compgen -G "$1" >/dev/null
    return
  fi
  PATH=$PATH:/usr/sbin:/sbin:/usr/local/sbin command -v "$1" >/dev/null
}

join_words() {
  local IFS=,
  echo "$*" | sed 's/,/, /g'
}

# Runs a command with its output hidden, says what it does and how long it took, and shows the output if it fails.
step() {
  local what=$1 started=$SECONDS log
  shift
  log=$(mktemp)
  printf '%s … ' "$what" >&2
  if "$@" >"$log" 2>&1; then
    rm -f "$log"
    echo "$((SECONDS - started)) s" >&2
  else
    echo "failed:" >&2
    cat "$log" >&2
    rm -f "$log"
    return 1
  fi
}

main "$@"
