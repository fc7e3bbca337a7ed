#!/usr/bin/env bash
# lsof 4.95.0 (Debian 12, 4.95.0-1): to select TCP sockets by their state hides all UDP sockets.
#
# Expected: `lsof -iTCP -sTCP:LISTEN -iUDP` prints the listening TCP sockets and the UDP sockets, since the state
#   is said to be one of TCP.
# Seen: it prints the TCP sockets only. Without `-sTCP:LISTEN`, the UDP socket is there.
#
# Exits with 0 if that is so, with 1 otherwise.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir" && cd "$dir"
apt-get download -q lsof=4.95.0-1 libtirpc3=1.3.3+ds-1 libtirpc-common=1.3.3+ds-1 >/dev/null 2>&1
for package in *.deb; do dpkg-deb -x "$package" .; done
LD_LIBRARY_PATH=$(dirname "$(find "$dir" -name libtirpc.so.3)")
export LD_LIBRARY_PATH
./usr/bin/lsof -v 2>&1 | grep '^ *revision'

python3 - <<'PYTHON'
import os, socket, subprocess, sys

tcp = socket.create_server(('127.0.0.1', 0))
udp = socket.socket(type=socket.SOCK_DGRAM)
udp.bind(('127.0.0.1', 0))

def shown(*selection):
    command = ['./usr/bin/lsof', '-nP', *selection]
    lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    own = [line for line in lines if f' {os.getpid()} ' in line]
    return [any(f'{kind} 127.0.0.1:{it.getsockname()[1]}' in line for line in own) for kind, it in (('TCP', tcp), ('UDP', udp))]

both, by_state = shown('-iTCP', '-iUDP'), shown('-iTCP', '-sTCP:LISTEN', '-iUDP')
print(f'TCP and UDP: {both} without a state, {by_state} with the state of TCP')
sys.exit(0 if both == [True, True] and by_state == [True, False] else 1)
PYTHON
