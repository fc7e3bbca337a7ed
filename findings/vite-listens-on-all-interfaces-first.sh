#!/usr/bin/env bash
# vite 8.3.8 (npm), told to serve at 127.0.0.1, first listens on its port at other addresses, and closes that again.
#
# Expected: with `--host 127.0.0.1 --port N --strictPort`, one socket listens: 127.0.0.1:N.
# Seen: before that, sockets listen at wildcard addresses, for a millisecond each, to see whether the
#   port is free. A client that waits until the port is open connects to one of those and is reset, or is refused
#   right after; and other machines can reach the port in that moment.
#
# Exits with 0 if a wildcard address is listened on first, with 1 otherwise. Needs npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --prefix . node@20.19.5 vite@8.3.8 >/dev/null
echo '<p>hello' >index.html
# Prints the address of each server of Node that listens, or stops to.
cat >log.cjs <<'JS'
const { Server } = require('net');
const emit = Server.prototype.emit;
Server.prototype.emit = function (event, ...rest) {
  if (event === 'listening') {
    this.shown = `${this.address().address} port ${this.address().port}`;
    console.log(`listens: ${this.shown}`);
  }
  if (event === 'close') console.log(`closed: ${this.shown}`);
  return emit.call(this, event, ...rest);
};
JS

python3 - <<'PYTHON'
import re, socket, subprocess, sys

with socket.socket() as probe:
    probe.bind(('127.0.0.1', 0))
    port = probe.getsockname()[1]
server = subprocess.Popen(
    ['./node_modules/node/bin/node', '--require', './log.cjs', 'node_modules/vite/bin/vite.js',
     '--host', '127.0.0.1', '--port', str(port), '--strictPort'],
    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
seen = []
try:
    for line in server.stdout:
        if re.match('listens|closed', line):
            print(line, end='')
            seen.append(line.strip())
        if line.startswith('listens: 127.0.0.1 '):
            break
finally:
    server.terminate()
    server.wait(10)
early = [line for line in seen if re.match(rf'listens: (0\.0\.0\.0|::) port {port}', line)]
sys.exit(0 if early and seen[-1] == f'listens: 127.0.0.1 port {port}' else 1)
PYTHON
