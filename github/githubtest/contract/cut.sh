#!/bin/sh
# Makes anew what is cut from GitHub's own descriptions: github.json of the REST
# API, enterprise.json of that of the oldest Enterprise Server which the package
# describes, ../testdata/webhooks.schema.json of webhook payloads. Needs npm and node.
#
#     ./cut.sh [REST_VERSION [WEBHOOKS_VERSION]]
#
# The first package unpacks to more than 400 MB, so two files of it are taken.
set -eu

rest=${1:-23.0.2}
webhooks=${2:-12.1.0}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$work"
spec=package/generated/api.github.com.json

npm pack --silent "@octokit/openapi@$rest" >/dev/null
tar -xzf "octokit-openapi-$rest.tgz" "$spec"
node "$here/cut.js" "$spec" "$here/operations.txt" "$rest" "$here/github.json"
oldest=$(tar -tzf "octokit-openapi-$rest.tgz" | grep -E '/ghes-[0-9.]+[0-9]\.json$' | sort -V | head -n 1)
tar -xzf "octokit-openapi-$rest.tgz" "$oldest"
node "$here/cut.js" "$oldest" "$here/operations.txt" "$rest $(basename "$oldest" .json)" "$here/enterprise.json"

npm pack --silent "@octokit/openapi-webhooks@$webhooks" >/dev/null
tar -xzf "octokit-openapi-webhooks-$webhooks.tgz" "$spec"
node "$here/cut-webhooks.js" "$spec" "$here/webhooks.txt" "$webhooks" "$here/../testdata/webhooks.schema.json"

wc -c "$here/github.json" "$here/enterprise.json" "$here/../testdata/webhooks.schema.json"
