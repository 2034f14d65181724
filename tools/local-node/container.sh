# Runs in the namespaces of a new container, as its process 1: makes its file system and becomes its program.
#
#   container.sh ROOT [SOURCE TARGET ro|rw]... -- [VARIABLE=VALUE]... PROGRAM [ARGUMENT...]
#
# The file system is in memory, but for the programs, libraries and devices of this machine, which are mounted read-only.
set -eu
root=$1
shift
mount -t tmpfs -o mode=755 tmpfs "$root"
cd "$root"
mkdir -m 1777 tmp
mkdir -p usr etc proc dev run
for name in bin sbin lib lib64; do ln -s "usr/$name" "$name"; done
mount -o bind,ro /usr usr
mount -o bind,ro /dev dev
mount -t proc proc proc
# What an image brings is mounted here.
mount -t tmpfs -o mode=755 tmpfs usr/local
for name in alternatives group ld.so.cache nsswitch.conf passwd; do
  if [ -e "/etc/$name" ]; then cp -a "/etc/$name" etc/; fi
done

while [ "$1" != -- ]; do
  if [ -d "$1" ]; then mkdir -p ".$2"; else install -D /dev/null ".$2"; fi
  mount -o "bind,$3" "$1" ".$2"
  shift 3
done
shift
# A line on descriptor 3 says that the container is there and its program is next.
# shellcheck disable=SC2016
exec chroot "$root" sh -c 'echo >&3; exec 3>&-; exec "$@"' sh env -i "$@"
