# Runs in the namespaces of a new container, as its process 1: makes its file system and becomes its program.
#
#   container.sh ROOT HOSTNAME READ-ONLY [SOURCE TARGET ro|rw]... -- WORKING-DIRECTORY PROGRAM [ARGUMENT...]
#
# The file system is in memory, but for the programs and libraries of this machine, which are mounted read-only.
set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
root=$1 hostname=$2 read_only=$3
shift 3

echo "$hostname" >/proc/sys/kernel/hostname
mount -t tmpfs -o mode=755 tmpfs "$root"
cd "$root"
mkdir -p usr etc proc dev tmp run root home var/tmp var/lib app
ln -s ../run var/run
chmod 1777 tmp var/tmp
mount -o bind,ro /usr usr
mount -t tmpfs -o mode=755 tmpfs usr/local
mkdir -p usr/local/bin usr/local/sbin usr/local/lib
for name in bin sbin lib lib64 lib32 libx32; do
  if [ -L "/$name" ]; then
    cp -P "/$name" .
  elif [ -d "/$name" ]; then
    mkdir "$name"
    mount -o bind,ro "/$name" "$name"
  fi
done
for name in passwd group nsswitch.conf ld.so.cache protocols services localtime; do
  if [ -e "/etc/$name" ]; then cp -L "/etc/$name" etc/; fi
done
for name in ssl ca-certificates alternatives iproute2; do
  if [ -d "/etc/$name" ]; then
    mkdir "etc/$name"
    mount -o bind,ro "/etc/$name" "etc/$name"
  fi
done
: >etc/resolv.conf
mount -t proc proc proc
mount -t tmpfs -o mode=755 tmpfs dev
for name in null zero full random urandom tty; do
  : >"dev/$name"
  mount -o bind "/dev/$name" "dev/$name"
done
mkdir -m 1777 dev/shm
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr

while [ "$1" != -- ]; do
  if [ ! -e ".$2" ]; then
    if [ -d "$1" ]; then
      mkdir -p ".$2"
    else
      mkdir -p "$(dirname ".$2")"
      : >".$2"
    fi
  fi
  mount -o "bind,$3" "$1" ".$2"
  shift 3
done
directory=$2
shift 2
if [ "$read_only" = true ]; then
  mount -o remount,bind,ro "$root/usr/local"
  mount -o remount,bind,ro "$root"
fi
# A line on descriptor 3 says that the container is there and its program is next.
# shellcheck disable=SC2016
exec chroot "$root" sh -c 'echo >&3; exec 3>&-; exec "$@"' sh env -i -C "$directory" "$@"
