#!/usr/bin/env bash
# iperf3 3.12 (Debian 12, 3.12-1+deb12u2): a connection that is closed without a word costs the next client its own.
#
# Expected: a client that connects right after a port scan or a health check is served.
# Seen: the server closes its listening socket after each connection, also after such a one, and opens another
#   one. A client that connects in between is reset or refused: most of them where the client does not wait.
#
# Exits with 0 if clients fail after a bare connection and none does without it, with 1 otherwise.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir" && cd "$dir"
apt-get download -q iperf3=3.12-1+deb12u2 libiperf0=3.12-1+deb12u2 libsctp1=1.0.19+dfsg-2 >/dev/null 2>&1
for package in *.deb; do dpkg-deb -x "$package" .; done
LD_LIBRARY_PATH=$(dirname "$(find "$dir" -name libiperf.so.0)")
export LD_LIBRARY_PATH
./usr/bin/iperf3 --version | head -1

python3 - <<'PYTHON'
import socket, subprocess, sys, time

ROUNDS = 20

def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]

def is_served(with_bare_connection):
    port = free_port()
    server = subprocess.Popen(['./usr/bin/iperf3', '-s', '-B', '127.0.0.1', '-p', str(port)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wanted = '0100007F:%04X 00000000:0000 0A' % port
        while wanted not in open('/proc/net/tcp').read():
            time.sleep(0.01)
        if with_bare_connection:
            socket.create_connection(('127.0.0.1', port)).close()
        # The cookie with which each test begins. The server then asks for the parameters (9).
        client = socket.create_connection(('127.0.0.1', port), timeout=5)
        client.sendall(b'abcdefghijklmnopqrstuvwxyz0123456789\0')
        return client.recv(1) == b'\x09'
    except OSError:
        return False
    finally:
        server.kill()
        server.wait()

failed = {bare: sum(not is_served(bare) for _ in range(ROUNDS)) for bare in (False, True)}
print(f'clients that failed: {failed[False]} of {ROUNDS} on a new server, '
      f'{failed[True]} of {ROUNDS} after a bare connection')
sys.exit(0 if failed[False] == 0 and failed[True] > 0 else 1)
PYTHON
