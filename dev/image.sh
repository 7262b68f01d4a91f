#!/usr/bin/env bash
# The container images, with docker, podman or buildah, whichever is there and works.
#
#   dev/image.sh build             mars-app, mars-consumer, mars-catalog and mars-feeder
#   dev/image.sh base              make debian:bookworm-slim by debootstrap, where no registry of
#                                  images can be reached; `build` does it when it must
#   dev/image.sh engine            say which of the three it is
#
# PIP_CERT=FILE: certificates to trust while building, behind a proxy that signs TLS itself
# (podman and buildah only: docker mounts no file into a build).
set -euo pipefail
cd "$(dirname "$0")/.."

base=debian:bookworm-slim
targets=(app consumer catalog feeder)

say() { printf 'image: %s\n' "$*"; }
fail() { printf 'image: %s\n' "$@" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# A docker without its daemon is no engine.
find_engine() {
    if have docker && docker version >/dev/null 2>&1; then
        echo docker
    elif have podman && podman info >/dev/null 2>&1; then
        echo podman
    elif have buildah; then
        echo buildah
    fi
}

has_image() {
    case $engine in
        docker) docker image inspect "$1" ;;
        podman) podman image exists "$1" ;;
        buildah) buildah inspect --type image "$1" ;;
    esac >/dev/null 2>&1
}

# As the official image does: no documentation but licences and no translations, now and later.
slim() {
    local share=$1/usr/share folder
    for folder in doc groff info lintian locale man; do
        echo "path-exclude /usr/share/$folder/*"
    done >"$1/etc/dpkg/dpkg.cfg.d/slim"
    echo "path-include /usr/share/doc/*/copyright" >>"$1/etc/dpkg/dpkg.cfg.d/slim"
    find "$share/doc" ! -type d ! -name copyright -delete
    rm -rf "$share"/{groff,info,lintian,locale,man}/*
}

# The same release as the official image, and nearly its size.
make_base() {
    have debootstrap || fail "$base cannot be pulled; to make it here, install debootstrap"
    [ "$(id -u)" = 0 ] || fail "$base cannot be pulled; to make it here, be root (debootstrap)"
    say "making $base by debootstrap"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    debootstrap --variant=minbase bookworm "$work/tree" >"$work/log" 2>&1 ||
        { tail -n 20 "$work/log" >&2; fail "debootstrap failed"; }
    slim "$work/tree"
    rm -rf "$work"/tree/var/cache/apt/* "$work"/tree/var/lib/apt/lists/*
    if [ "$engine" = buildah ]; then
        local container
        container=$(buildah from scratch)
        buildah add --quiet "$container" "$work/tree" / >/dev/null
        buildah config --cmd bash "$container"
        buildah commit --quiet --rm "$container" "docker.io/library/$base" >/dev/null
    else
        tar -C "$work/tree" -c . | "$engine" import --change 'CMD bash' - "$base" >/dev/null
    fi
}

ensure_base() {
    has_image "$base" || "$engine" pull --quiet "$base" >/dev/null 2>&1 || make_base
}

# buildah takes a LABEL from an earlier build, whatever its arguments were then.
label() {
    local container
    container=$(buildah from --pull-never "$1")
    buildah config --label "org.opencontainers.image.version=$version" \
        --label "org.opencontainers.image.revision=$revision" "$container"
    buildah commit --quiet --rm --format docker "$container" "$1" >/dev/null
}

build() {
    local version revision
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
    revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
    local arguments=(--build-arg "VERSION=$version" --build-arg "REVISION=$revision")
    if [ "$engine" != docker ]; then
        # Health checks are docker's own; the other format has no place for them.
        arguments+=(--format docker)
        if [ -n "${PIP_CERT:-}" ]; then
            arguments+=(--volume "$PIP_CERT:/run/host-ca.crt:ro"
                --build-arg PIP_CERT=/run/host-ca.crt)
        fi
    fi
    if [ "$engine" = buildah ]; then arguments+=(--isolation chroot --layers --pull-never); fi
    local target began
    for target in "${targets[@]}"; do
        began=$SECONDS
        "$engine" build --quiet "${arguments[@]}" --target "$target" --tag "mars-$target" . >/dev/null
        if [ "$engine" = buildah ]; then label "mars-$target"; fi
        say "mars-$target: $(size "mars-$target") MB, built in $((SECONDS - began)) s with $engine"
    done
}

# Of all its layers, in millions of bytes.
size() {
    local bytes
    case $engine in
        buildah) bytes=$(buildah images --json "$1" | sed -n 's/.*"size": "\(.*\) MB".*/\1/p') ;;
        *) bytes=$("$engine" image inspect --format '{{.Size}}' "$1") && bytes=$((bytes / 1000000)) ;;
    esac
    printf '%.0f' "$bytes"
}

engine=$(find_engine)
[ -n "$engine" ] || fail "no docker, podman or buildah works here; on Debian: apt-get install buildah"
# Needs nothing of the machine: no daemon, no kernel modules.
if [ "$engine" = buildah ]; then export STORAGE_DRIVER=${STORAGE_DRIVER:-vfs}; fi
case ${1:-} in
    build) ensure_base && build ;;
    base) make_base ;;
    engine) echo "$engine" ;;
    *) fail "usage: dev/image.sh build | base | engine" ;;
esac
