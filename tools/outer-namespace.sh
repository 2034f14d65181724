#!/usr/bin/env bash
# Runs a command in network, mount and process namespaces of its own, for tests and demos that change all three.
# However it ends (Ctrl-C, a crash, kill -9 of the caller), no process, namespace, mount or iptables rule is left.
#
#   tools/outer-namespace.sh [--scratch | --forward PORT=SOCKET] [--] COMMAND [ARGUMENT...]
#
# With --scratch, temporary files are in a folder of the run, which stays only if the command fails.
# Inside there is no network but a loopback interface. With --forward, 127.0.0.1:PORT of the host leads to the Unix
# socket SOCKET, on which something inside must listen (tools/forward.ts).
set -euo pipefail

end_within=10 # seconds that the command has to end after it was asked to

# Waits for a child and leaves its exit code in `status`; meanwhile each signal becomes SIGTERM for a process (SIGINT is
# ignored in what a script starts in the background).
wait_for() {
  local child=$1 signalled=1
  # shellcheck disable=SC2064
  trap "signalled=1; $2" INT TERM HUP
  while [ -n "$signalled" ]; do
    signalled=
    status=0
    wait "$child" || status=$?
  done
}

first_child() {
  local children=
  while [ -z "$children" ] && [ -e "/proc/$1" ]; do children=$(<"/proc/$1/task/$1/children"); done
  echo "${children%% *}"
}

case "${1:-}" in
--inside)
  # Process 1 of the namespaces: its end is the end of everything in them.
  shift
  ip link set lo up
  # Network namespaces by name, the lock of iptables, and all that is put there: ours alone, and in memory.
  mount -t tmpfs -o mode=755 tmpfs /run
  mkdir -p /run/netns /run/lock
  export HEDDLE_OUTER_NAMESPACE=1
  "$@" <&0 &
  # The sleep ends with the namespaces, so nothing is left of it.
  wait_for $! "kill -TERM $! 2>/dev/null; (sleep $end_within; kill -KILL $! 2>/dev/null) &"
  exit "$status"
  ;;
--guarded)
  # The kernel kills this process when its parent ends, and with it all below.
  shift
  here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
  scratch=
  if [ "${1:-}" = --scratch ]; then
    scratch=$(mktemp --directory --tmpdir heddle-run-XXXXXX)
    chmod 755 "$scratch"
    export TMPDIR=$scratch
    shift
  elif [ "${1:-}" = --forward ]; then
    port=${2%%=*} socket=${2#*=}
    export HEDDLE_FORWARD=$2
    shift 2
    setpriv --pdeathsig KILL "${NODE:-node}" "$here/forward.ts" "tcp:127.0.0.1:$port" "unix:$socket" &
    forwarder=$!
    trap 'kill "$forwarder" 2>/dev/null || true; rm -f "$socket"' EXIT
    sleep 0.5
    kill -0 "$forwarder" 2>/dev/null || { echo "127.0.0.1:$port cannot be used; choose another port." >&2; exit 1; }
  fi
  [ "${1:-}" != -- ] || shift
  setpriv --pdeathsig KILL unshare --net --mount --pid --fork --kill-child --mount-proc \
    "$here/outer-namespace.sh" --inside "$@" <&0 &
  # unshare itself ignores signals; process 1 inside is its only child.
  wait_for $! "kill -TERM $(first_child $!) 2>/dev/null"
  # The namespaces have ended, and with them all mounts below.
  if [ -n "$scratch" ]; then
    if [ "$status" = 0 ]; then rm -rf --one-file-system "$scratch"; else echo "Left to look at: $scratch" >&2; fi
  fi
  exit "$status"
  ;;
*)
  if [ "$(id -u)" != 0 ]; then
    echo "This needs root: pods get network namespaces and iptables rules (in namespaces of the run's own)." >&2
    exit 1
  fi
  for program in unshare setpriv nsenter mount ip; do
    command -v "$program" >/dev/null || { echo "$program is missing; \`make setup\` installs it." >&2; exit 1; }
  done
  exec setpriv --pdeathsig KILL bash "${BASH_SOURCE[0]}" --guarded "$@"
  ;;
esac
