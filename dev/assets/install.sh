#!/bin/sh
# Fetch the page assets by the lock file, and lay out those of a list:
#
#   dev/assets/install.sh WORK FOLDER [LIST]
#
# LIST is files.txt, what the pages use, or tests.txt. Both folders are made; WORK can be deleted
# afterwards.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
list=${3:-files.txt}
mkdir -p "$1" "$2"
work=$(cd "$1" && pwd)
folder=$(cd "$2" && pwd)
cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$work/"
cd "$work"
omit=
[ "$list" = tests.txt ] || omit=--omit=dev
npm ci --silent --ignore-scripts --no-audit --no-fund $omit
while read -r source name; do
    case $source in '' | '#'*) continue ;; esac
    mkdir -p "$(dirname "$folder/$name")"
    # Some packages hold files that only their owner may read, or that are marked as programs.
    cp -R "node_modules/${source%/}" "$folder/$name"
    chmod -R u=rwX,go=rX "$folder/$name"
done <"$here/$list"
