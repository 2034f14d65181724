#!/usr/bin/env bash
# Installs the Debian packages that pods on one machine need, or names those that are missing.
#
#   tools/packages.sh [kind]    with `kind` also those of a kind cluster
set -euo pipefail

missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
PATH=$PATH:/usr/sbin:/sbin
need iptables-restore iptables
need ip iproute2
need unshare util-linux
need nsenter util-linux
need setpriv util-linux
need flock util-linux
need mount mount
need openssl openssl
# Envoy comes as a Python wheel where its release cannot be downloaded.
python3 -m pip --version >/dev/null 2>&1 || missing+=(python3 python3-pip)
if [ "${1:-}" = kind ]; then
  need docker docker.io
  need dockerd docker.io
  need mmdebstrap mmdebstrap
  need gpg gpg
  [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || missing+=(debian-archive-keyring)
fi
[ ${#missing[@]} -eq 0 ] && exit 0
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing ${missing[*]}" >&2
  # A daemon that comes with a package is started by those who want it; it would leave rules in the host's iptables.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
  fi
  apt-get update -qq >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "These packages are missing: ${missing[*]}. Install them, or run this as root on Debian or Ubuntu." >&2
  exit 1
fi
