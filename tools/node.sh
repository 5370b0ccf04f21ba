# Sourced: which node to use. The web tools want 22.13 or newer.
node_version_good() {
    "$1" -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 22 || (a == 22 && b >= 13) ? 0 : 1)' 2>/dev/null
}
own_node() {
    ls "$PWD"/build/node/node_modules/node/bin/node 2>/dev/null
}
node_good() {
    { command -v node >/dev/null 2>&1 && node_version_good node; } ||
        { [ -n "$(own_node)" ] && node_version_good "$(own_node)"; }
}
node_path() {
    if ! { command -v node >/dev/null 2>&1 && node_version_good node; }; then
        PATH="$(dirname "$(own_node)"):$PATH"
        export PATH
    fi
}
