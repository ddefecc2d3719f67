# Holds a namespace: $1 the world's folder, $2 the folder of built programs. Runs under unshare.
set -eu
ip link set lo up
mount --bind "$1/etc/passwd" /etc/passwd
mount --bind "$1/etc/group" /etc/group
mount --bind "$1/polkit/rules" /etc/polkit-1/rules.d
mount --bind "$1/polkit/vendor-rules" /usr/share/polkit-1/rules.d
mount --bind "$1/polkit/actions" /usr/share/polkit-1/actions
mount --bind "$2" "$1/build"
mount --rbind "$1" /run
echo ready

# The test holds the other end; it closes when the test drops the world or dies.
cat >/dev/null

# Whatever is left in this network namespace was started for this world.
namespace=$(stat --dereference --format=%i /proc/self/ns/net)
find /proc/[0-9]*/ns/net -maxdepth 0 -lname "net:\[$namespace\]" 2>/dev/null |
while IFS=/ read -r _ _ pid _; do
    [ "$pid" = $$ ] || kill -9 "$pid" 2>/dev/null || true
done
