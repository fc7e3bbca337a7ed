#!/usr/bin/env bash
# PostgreSQL 15 (Debian 12): `DROP DATABASE … WITH (FORCE)` sleeps 100 ms when a session has to be ended.
#
# Expected: to drop a database whose one session is idle takes little longer than to drop one without sessions, since
#   `FORCE` ends the session, which takes a few milliseconds.
# Seen: at least 100 ms, each time. The statement sends SIGTERM, looks at once whether the session has ended, and
#   sleeps 100 ms until it looks again. So does a session of which the client has just closed its end.
#   `pg_terminate_backend(pid, 5)` beforehand waits at most 5 ms.
#
# Exits with 0 if that is so, with 1 otherwise.
set -euo pipefail
version=15.18-0+deb12u1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir" && cd "$dir"
apt-get download -q postgresql-15=$version postgresql-client-15=$version libpq5=$version libllvm14 libz3-4 libxslt1.1 \
  libxml2 >/dev/null 2>&1
for package in *.deb; do dpkg-deb -x "$package" .; done
bin="$dir/usr/lib/postgresql/15/bin"
libraries=$(dirname "$(find "$dir" -name libpq.so.5)")
mkdir data && as=()
if [ "$(id -u)" -eq 0 ]; then
  chown nobody data && as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
fi
as+=(env "LD_LIBRARY_PATH=$libraries" HOME="$dir/data")
"${as[@]}" "$bin/postgres" --version
"${as[@]}" "$bin/initdb" -D data/cluster -U postgres --auth=trust --locale=C --no-sync >/dev/null
"${as[@]}" "$bin/postgres" -D data/cluster -h '' -k "$dir/data" -F >data/log 2>&1 &
server=$!
trap 'kill -INT $server && wait $server; rm -rf "$dir"' EXIT
until "${as[@]}" "$bin/pg_isready" -q -h "$dir/data"; do kill -0 $server; done

python3 - "${as[@]}" "$bin/psql" -qAtX -U postgres -h "$dir/data" <<'PYTHON'
import subprocess, sys, time

class Session:
    def __init__(self, database):
        command = [*sys.argv[1:], '-d', database]
        self.psql = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def run(self, sql):
        """Returns the milliseconds that a statement takes."""
        began = time.monotonic()
        self.psql.stdin.write(f"{sql};\nSELECT 'done';\n")
        self.psql.stdin.flush()
        while self.psql.stdout.readline() != 'done\n':
            pass
        return 1000 * (time.monotonic() - began)

    def end(self):
        self.psql.stdin.close()
        self.psql.wait()

maintenance = Session('postgres')

def drop(has_session, first=None):
    maintenance.run('CREATE DATABASE app')
    session = Session('app')
    session.run('SELECT 1')
    took = maintenance.run(first) if first else 0
    if not has_session:
        session.end()
        while maintenance.psql.poll() is None:
            maintenance.psql.stdin.write("SELECT count(*) FROM pg_stat_activity WHERE datname = 'app';\n")
            maintenance.psql.stdin.flush()
            if maintenance.psql.stdout.readline() == '0\n':
                break
    took += maintenance.run('DROP DATABASE app WITH (FORCE)')
    if has_session:
        session.end()
    return took

end = "SELECT pg_terminate_backend(pid, 5) FROM pg_stat_activity WHERE datname = 'app'"
alone = sorted(drop(False) for _ in range(9))
busy = sorted(drop(True) for _ in range(9))
ended = sorted(drop(True, end) for _ in range(9))
for name, times in ('without a session', alone), ('with a session', busy), ('ended beforehand', ended):
    print(f'{name}: median {times[4]:.1f} ms, least {times[0]:.1f} ms')
maintenance.end()
sys.exit(0 if busy[0] >= 100 and alone[4] < 50 and ended[4] < 50 else 1)
PYTHON
