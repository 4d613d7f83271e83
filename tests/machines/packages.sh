#!/bin/sh
# The system packages that the tests of the host roles need. As root, on Debian 12 or newer or Ubuntu 22.04 or newer.
set -eu
packages="systemd-container mmdebstrap user-mode-linux iproute2 dpkg-dev zstd util-linux"
missing=""
for package in $packages; do
    dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
[ "$(id -u)" = 0 ] || { echo "The tests of the host roles need these packages:$missing. Install them, or run this as root." >&2; exit 1; }
echo "Installing$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 the list is words
apt-get install -qq --yes --no-install-recommends $missing >/dev/null
