#!/usr/bin/env bash
# The HTTP server of Node's inspector (node 20.19.5, the npm package `node`) answers 400 to HEAD.
#
# Expected: HEAD /json/version is answered like GET, without the body (RFC 9110, 9.1: "All
#   general-purpose servers MUST support the methods GET and HEAD"), or by 405 or 501.
# Seen: GET is answered by 200, HEAD by `400 Bad Request`: "Bad Request" does not say that the
#   method is the reason, so a client that falls back from HEAD to GET at 405 and 501 gives up.
#
# Exits with 0 if it is so, with 1 otherwise. Needs npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --prefix . node@20.19.5 >/dev/null

python3 - <<'PYTHON'
import http.client, re, subprocess, sys

node = './node_modules/node/bin/node'
print('node', subprocess.check_output([node, '--version'], text=True).strip())
server = subprocess.Popen([node, '--inspect=127.0.0.1:0', '-e', 'setInterval(() => {}, 1000)'],
                          stderr=subprocess.PIPE, text=True)
try:
    port = int(re.search(r'ws://127\.0\.0\.1:(\d+)/', server.stderr.readline()).group(1))
    status = {}
    for method in 'GET', 'HEAD':
        client = http.client.HTTPConnection('127.0.0.1', port, timeout=10)
        client.request(method, '/json/version')
        answer = client.getresponse()
        status[method] = answer.status
        print(method, '/json/version:', answer.status, answer.reason)
finally:
    server.terminate()
    server.wait(10)
sys.exit(0 if status == {'GET': 200, 'HEAD': 400} else 1)
PYTHON
