"""40 tests, each with a database of its own that is made from one with 1,000 rows."""

import glob

import psycopg
import pytest
from pytest_postgresql import factories


def create_items(**connection):
    with psycopg.connect(**connection) as database:
        database.execute("CREATE TABLE items AS SELECT * FROM generate_series(1, 1000) AS number")


# The settings of the preset `servers::postgres()`; the factory turns `fsync` off by itself.
server = factories.postgresql_proc(
    executable=sorted(glob.glob("/usr/lib/postgresql/*/bin/pg_ctl"))[-1],
    postgres_options="-c synchronous_commit=off -c full_page_writes=off"
    " -c dynamic_shared_memory_type=mmap",
    load=[create_items],
)
database = factories.postgresql("server")


@pytest.mark.parametrize("number", range(40))
def test_has_its_rows(database, number):
    database.execute("DELETE FROM items WHERE number <= %s", (number,))
    assert database.execute("SELECT count(*) FROM items").fetchone() == (1000 - number,)
