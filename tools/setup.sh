#!/bin/sh
# Installs what is missing: Debian packages, node >= 22.13, the npm packages of web/. Quiet and quick
# when nothing is.
set -eu
cd "$(dirname "$0")/.."
WEB=${WEB:-1}

missing=
for package in $(grep -v '^#' tools/debian.txt); do
    [ "$WEB" = 1 ] || case $package in nodejs | npm | chromium | fonts-noto-cjk) continue ;; esac
    # What is there from elsewhere (a node of its own, say) is as good.
    case $package in
    nodejs) command -v node >/dev/null 2>&1 && continue ;;
    npm) command -v npm >/dev/null 2>&1 && continue ;;
    esac
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
        missing="$missing $package"
done
if [ -n "$missing" ]; then
    echo "installing:$missing"
    sudo=
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || { echo "needs root or sudo to install:$missing" >&2; exit 1; }
        sudo=sudo
    fi
    $sudo apt-get update -q >/dev/null
    # shellcheck disable=SC2086
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/dev/null
fi

[ "$WEB" = 1 ] && [ -f web/package.json ] || exit 0
. tools/node.sh
if ! node_good; then
    echo "installing node 22 under build/node"
    npm install --silent --no-audit --no-fund --prefix build/node node@22 >/dev/null
fi
node_path
stamp=web/node_modules/.patron-lock
if ! cmp -s web/package-lock.json "$stamp"; then
    echo "installing the npm packages of web/"
    (cd web && npm ci --silent --no-audit --no-fund >/dev/null)
    cp web/package-lock.json "$stamp"
fi
