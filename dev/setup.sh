#!/usr/bin/env bash
# Install what is missing, and only that: Debian packages, .venv, the Java servers
# and the page assets. Each part is finished under another name or gets its stamp
# last, so a set-up that was killed is simply run again.
#
#   dev/setup.sh [--tests | --schema | --sdks | --hats]   --tests: also the browser, axe, eventsource, stilts,
#                                              promtool and the client that tests use; --schema: schemathesis;
#                                              --sdks: generators of clients, and compilers;
#                                              --hats: LSDB, hats-import
set -euo pipefail
cd "$(dirname "$0")/.."

lib=.local/lib
vendor=app/static/vendor
mkdir -p "$lib"
exec 9>"$lib/setup.lock"
flock 9

say() { printf 'set-up: %s\n' "$*"; }
fail() { printf 'set-up: %s\n' "$@" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
# Run a talkative program; show what it said only when it failed. What it leaves
# running (a package may start a service) must not inherit the lock: 9>&-.
logged() {
    "$@" >"$lib/setup.log" 2>&1 </dev/null 9>&- || { tail -n 20 "$lib/setup.log" >&2; fail "failed: $*"; }
}
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
digest() { sha256sum "$@" | sha256sum | cut -d ' ' -f 1; }
stamped() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

# The first Python that is new enough; a set PYTHON is tried before Debian's.
find_python() {
    local candidate
    for candidate in ${PYTHON:-} /usr/bin/python3 python3; do
        if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s' "$candidate"
            return
        fi
    done
}

java_is_new_enough() {
    have java && [ "$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')" -ge 17 ] 2>/dev/null
}

postgres_has() {
    local dir
    for dir in /usr/share/postgresql/15 "$(pg_config --sharedir 2>/dev/null || true)"; do
        if [ -e "$dir/$1" ]; then return 0; fi
    done
    return 1
}

missing_packages() {
    [ -n "$(find_python)" ] || echo python3 python3-venv
    java_is_new_enough || echo openjdk-17-jre-headless
    postgres_has postgres.bki || echo postgresql-15
    postgres_has extension/q3c.control || echo postgresql-15-q3c
    stamped "$lib/java/.stamp" "$java_key" || have mvn || echo maven
    stamped "$vendor/.stamp" "$assets_key" || have npm || echo nodejs npm
    if [ "${1:-}" = --tests ] || [ "${1:-}" = --pictures ]; then
        [ -x /usr/bin/chromium-headless-shell ] || echo chromium-headless-shell
    fi
    [ "${1:-}" != --tests ] || have stilts || echo stilts
    [ "${1:-}" != --tests ] || stamped "$lib/npm/.stamp" "$npm_key" || have npm || echo nodejs npm
    if [ "${1:-}" = --sdks ]; then
        have javac || echo openjdk-17-jdk-headless
        have mvn || echo maven
        have npm || echo nodejs npm
    fi
}

install_packages() {
    local wanted=("$@")
    have apt-get || fail "these are missing: ${wanted[*]} (Debian 12's names)." \
        "Install them your system's way, or run MARS with 'docker compose up'."
    if [ "$(id -u)" != 0 ] && ! have sudo; then
        fail "as root, run: apt-get update && apt-get install --no-install-recommends ${wanted[*]}"
    fi
    say "installing from Debian: ${wanted[*]}"
    logged as_root dpkg --configure -a
    logged as_root apt-get -qq update
    logged as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y \
        --no-install-recommends -o DPkg::Lock::Timeout=300 "${wanted[@]}"
}

# A .venv knows its own path and Python, so both belong to its key. One without a
# stamp was left half-made; one with an older stamp is brought up to date. A link leads
# to another checkout's, which keeps it: `venv --clear` here would empty it there.
make_venv() {
    local python key
    if [ -L .venv ]; then return; fi
    python=$(find_python)
    key=$(printf '%s %s %s' "$PWD" "$("$python" -V)" "$(digest requirements-dev.txt)")
    if stamped .venv/.stamp "$key" && [ -x .venv/bin/python ]; then return; fi
    if [ "$(cut -d ' ' -f 1-3 .venv/.stamp 2>/dev/null)" != "${key% *}" ]; then
        say "making .venv ($("$python" -V))"
        "$python" -m venv --clear .venv
    else
        say "bringing .venv up to date"
    fi
    rm -f .venv/.stamp
    logged .venv/bin/python -m pip --quiet --disable-pip-version-check install \
        --require-hashes -r requirements-dev.txt
    printf '%s' "$key" >.venv/.stamp
}

# Python programs to test with, in an environment of their own: their pins are not ours.
make_environment() {
    local folder=$1 lock=$2 what=$3 key
    key=$(printf '%s %s %s' "$PWD" "$(.venv/bin/python -V)" "$(digest "$lock")")
    if stamped "$folder/.stamp" "$key"; then return; fi
    say "installing $what"
    rm -rf "$folder"
    logged .venv/bin/python -m venv --without-pip "$folder"
    logged .venv/bin/uv pip install --quiet --python "$folder/bin/python" --require-hashes -r "$lock"
    printf '%s' "$key" >"$folder/.stamp"
}

# What makes TypeScript clients of MARS.
fetch_node() {
    local node="$lib/sdks/node" key
    key=$(digest tests/sdks/npm/package.json tests/sdks/npm/package-lock.json)
    if stamped "$node/.stamp" "$key"; then return; fi
    say "fetching openapi-typescript and what it needs"
    rm -rf "$node"
    mkdir -p "$node"
    cp tests/sdks/npm/package.json tests/sdks/npm/package-lock.json tests/sdks/npm/.npmrc "$node/"
    logged npm --prefix "$node" ci --silent --ignore-scripts --no-audit --no-fund
    printf '%s' "$key" >"$node/.stamp"
}

fetch_java() {
    if stamped "$lib/java/.stamp" "$java_key"; then return; fi
    say "fetching Kafka and S3Proxy"
    rm -rf "$lib/java.new"
    logged mvn -q -B -C -f dev/pom.xml dependency:copy-dependencies \
        -DoutputDirectory="$PWD/$lib/java.new/kafka"
    (cd "$lib/java.new/kafka" && sha256sum --quiet --strict -c ../../../../dev/jars.sha256)
    mv "$lib"/java.new/kafka/s3proxy-*.jar "$lib/java.new/s3proxy.jar"
    printf '%s' "$java_key" >"$lib/java.new/.stamp"
    rm -rf "$lib/java"
    mv "$lib/java.new" "$lib/java"
}

# Lay out the npm packages' files of a list (dev/assets) in a folder.
fetch_assets() {
    local folder=$1 list=$2 key=$3 work="$lib/assets"
    if stamped "$folder/.stamp" "$key"; then return; fi
    say "fetching page assets ($list)"
    rm -rf "$work" "$folder.new"
    dev/assets/install.sh "$work" "$folder.new" "$list"
    printf '%s' "$key" >"$folder.new/.stamp"
    rm -rf "$folder" "$work"
    mv "$folder.new" "$folder"
}

# Of Debian's package only this: installed, it would start a server on this machine.
fetch_promtool() {
    local folder="$lib/prometheus"
    if have promtool || [ -x "$folder/usr/bin/promtool" ]; then return; fi
    # Where there is no Debian, the tests say what they leave out.
    have apt-get || return 0
    say "fetching promtool, which judges the rules of alerts"
    rm -rf "$folder"
    mkdir -p "$folder"
    (cd "$folder" && apt-get -qq download prometheus >download.log 2>&1 9>&-) || {
        as_root apt-get -qq update >/dev/null 9>&-
        (cd "$folder" && apt-get -qq download prometheus >download.log 2>&1 9>&-) ||
            fail "$(tail -n 5 "$folder/download.log")"
    }
    dpkg-deb --fsys-tarfile "$folder"/prometheus_*.deb | tar -C "$folder" -x ./usr/bin/promtool
    rm "$folder"/prometheus_*.deb
}

java_key=$(digest dev/pom.xml dev/jars.sha256)
assets_key=$(digest dev/assets/package-lock.json dev/assets/files.txt)
npm_key=$(digest dev/assets/package-lock.json dev/assets/tests.txt)
read -ra missing <<<"$(missing_packages "${1:-}" | tr '\n' ' ')"
if [ "${#missing[@]}" -gt 0 ]; then install_packages "${missing[@]}"; fi
make_venv
fetch_java
fetch_assets "$vendor" files.txt "$assets_key"
if [ "${1:-}" = --tests ]; then
    fetch_assets "$lib/npm" tests.txt "$npm_key"
    fetch_promtool
    make_environment "$lib/tom" tests/clients/tom/requirements.txt \
        "TOM Toolkit, a client to test with"
elif [ "${1:-}" = --schema ]; then
    make_environment "$lib/schema" tests/schema/requirements.txt \
        "schemathesis, which tries what openapi.json says"
elif [ "${1:-}" = --sdks ]; then
    make_environment "$lib/sdks/python" tests/sdks/requirements.txt "generators of clients"
    fetch_node
elif [ "${1:-}" = --tom ]; then
    make_environment "$lib/tom3" tests/tom/requirements.txt "TOM Toolkit with data services"
elif [ "${1:-}" = --pictures ]; then
    make_environment "$lib/notebook" dev/pictures/requirements.txt "what runs a notebook"
elif [ "${1:-}" = --hats ]; then
    make_environment "$lib/hats" tests/catalog/requirements.txt "LSDB and what else reads catalogs"
fi
