#!/usr/bin/env bash
# Makes this machine ready for `npm start` (tour) or `npm test` (test): npm packages, the build, and the servers
# that are missing. `consul` gets Consul alone and prints its path. With nothing to do it says nothing.
#
#   scripts/setup.sh tour|test|consul
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly MIN_NODE_MAJOR=20
readonly CONSUL_DIR=.cache/consul
readonly CONSUL_IN_CACHE=$CONSUL_DIR/usr/bin/consul

# What each purpose needs from the system, as command:package, or path:package for what is no command. A new kind of
# server is one word here.
readonly TOUR_NEEDS=(haproxy:haproxy memcached:memcached redis-server:redis-server redis-sentinel:redis-sentinel mariadbd:mariadb-server setpriv:util-linux)
readonly TEST_NEEDS=("${TOUR_NEEDS[@]}" systemd-notify:systemd openssl:openssl rsync:rsync
  patroni:patroni /usr/lib/python3/dist-packages/consul:python3-consul pgbouncer:pgbouncer
  "/usr/lib/postgresql/*/bin/initdb:postgresql" /usr/share/java/zookeeper.jar:zookeeper)

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
      setup_packages
      ;;
    consul)
      setup_consul
      find_consul
      ;;
    *)
      echo "usage: scripts/setup.sh tour|test|consul" >&2
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

# apt runs with a source list, lists and cache of its own: the system's are only asked for the mirror's address.
# It needs no rights for that.
fetch_consul() {
  local work=$PWD/$CONSUL_DIR.new mirror
  for mirror in $(distribution_mirrors); do
    rm -rf "$work"
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/root"
    echo "trying $mirror"
    if fetch_consul_from "$mirror" "$work"; then
      rm -rf "$CONSUL_DIR"
      mv "$work/root" "$CONSUL_DIR"
      rm -rf "$work"
      return 0
    fi
  done
  rm -rf "$work"
  echo "no package source of this machine has Consul"
  return 1
}

fetch_consul_from() {
  local mirror=$1 work=$2
  consul_source "$mirror" >"$work/sources.list"
  # Check-Valid-Until: a release that is no longer updated says that it has expired.
  local apt=(apt-get -q -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o Acquire::Check-Valid-Until=false
    -o APT::Sandbox::User="$(id -un)")
  "${apt[@]}" update && (cd "$work" && "${apt[@]}" download consul) &&
    dpkg -x "$work"/consul_*.deb "$work/root" && "$work/root/usr/bin/consul" version
}

# The last releases of Debian and of Ubuntu with a Consul of the kind our users run (1.8.7).
consul_source() {
  local keyring option=
  for keyring in /usr/share/keyrings/"$(distribution)"-archive-keyring.{gpg,pgp}; do
    [[ -e $keyring ]] && option="[signed-by=$keyring] "
  done
  case $(distribution) in
    ubuntu) echo "deb ${option}$1 jammy universe" ;;
    *) echo "deb ${option}$1 bullseye main" ;;
  esac
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
