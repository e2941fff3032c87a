#!/bin/sh
# Makes github.json anew from GitHub's OpenAPI description. Needs npm and node.
#
#     ./cut.sh [VERSION]
#
# The package unpacks to more than 400 MB, so one file of it is taken.
set -eu

version=${1:-23.0.2}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$work"
npm pack --silent "@octokit/openapi@$version" >/dev/null
tar -xzf "octokit-openapi-$version.tgz" package/generated/api.github.com.json
node "$here/cut.js" package/generated/api.github.com.json "$here/operations.txt" "$version" "$here/github.json"
wc -c "$here/github.json"
