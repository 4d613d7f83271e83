#!/bin/sh
# The system packages that tests need, on Debian 12 or newer or Ubuntu 22.04 or newer: packages.sh PURPOSE
#   hosts     what boots the machines that the host roles are tested on; as root
#   browser   a browser for the pages; where it cannot be installed, this says so, and their tests are skipped
set -eu

installed() {
    dpkg-query --show --showformat='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

install() {
    echo "Installing$*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # shellcheck disable=SC2048,SC2086 the list is words
    apt-get install -qq --yes --no-install-recommends $* >/dev/null
}

case "${1:-}" in
hosts)
    packages="systemd-container mmdebstrap user-mode-linux iproute2 nftables dpkg-dev zstd util-linux"
    missing=""
    for package in $packages; do
        installed "$package" || missing="$missing $package"
    done
    [ -n "$missing" ] || exit 0
    [ "$(id -u)" = 0 ] || { echo "The tests of the host roles need these packages:$missing. Install them, or run this as root." >&2; exit 1; }
    install "$missing"
    ;;
browser)
    for name in chromium chromium-browser google-chrome; do
        command -v "$name" >/dev/null && exit 0
    done
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "There is no Chromium: tests of pages are skipped. Install the package chromium to run them."
        exit 0
    fi
    # A page without a font has no words to look at.
    install " chromium fonts-dejavu-core" || echo "Chromium could not be installed: tests of pages are skipped."
    ;;
*)
    echo "usage: $0 hosts|browser" >&2
    exit 2
    ;;
esac
