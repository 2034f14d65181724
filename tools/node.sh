#!/usr/bin/env bash
# Prints the folder of a Node.js that runs TypeScript as it is (24 or newer): the machine's, or else the one that the
# package registry has, kept in the cache. Pinned by version; the program's checksum is verified each time it is installed.
set -euo pipefail

version=24.21.0
sha256_x64=7fde7b8afa198da66257f42ee2001d874c7355631e6d1579a5fb5ef1f246df4c
sha256_arm64=0f8949d1028f6d61506b2d5bc57e7e6fe893d7b1997509b7847294fc9c616584

major=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/' || true)
if [ "${major:-0}" -ge 24 ]; then
  dirname "$(command -v node)"
  exit 0
fi
case $(uname -m) in
x86_64) arch=x64 sha256=$sha256_x64 ;;
aarch64 | arm64) arch=arm64 sha256=$sha256_arm64 ;;
*)
  echo "No Node.js 24 on this machine, and none to install for $(uname -m): install it yourself." >&2
  exit 1
  ;;
esac
directory=${HEDDLE_CACHE:-$HOME/.cache/heddle}/node-$version
bin=$directory/node_modules/node-linux-$arch/bin
if [ ! -e "$directory/verified" ]; then
  command -v npm >/dev/null || { echo "npm is missing: install Node.js 20 or newer with npm." >&2; exit 1; }
  mkdir -p "$directory"
  # One installation at a time.
  exec 9>"$directory/lock"
  flock 9
  npm install --silent --no-save --no-audit --no-fund --prefix "$directory" "node-linux-$arch@$version" >&2
  echo "$sha256  $bin/node" | sha256sum --check --quiet >&2
  touch "$directory/verified"
fi
echo "$bin"
