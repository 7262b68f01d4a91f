#!/bin/sh
# Fetch the page assets by the lock file, and lay out those that the pages use:
#
#   dev/assets/install.sh WORK VENDOR     both are made; WORK can be deleted afterwards
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1" "$2"
work=$(cd "$1" && pwd)
vendor=$(cd "$2" && pwd)
cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$work/"
cd "$work"
npm ci --silent --ignore-scripts --no-audit --no-fund
while read -r source name; do
    case $source in '' | '#'*) continue ;; esac
    cp "node_modules/$source" "$vendor/$name"
done <"$here/files.txt"
