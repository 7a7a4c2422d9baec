"""A PostgreSQL of its own, in a folder that goes away with it."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def programs():
    """The folder of `initdb` and `pg_ctl`: on PATH, or where Debian puts them."""
    on_path = shutil.which("initdb")
    folders = [pathlib.Path(on_path).parent] if on_path else []
    folders += sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
    found = [folder for folder in folders if (folder / "initdb").exists() and (folder / "pg_ctl").exists()]
    if not found:
        raise RuntimeError("PostgreSQL 15 or later is needed: put its initdb and pg_ctl on PATH")
    return found[0]


class Postgres:
    def __init__(self):
        self.bin, self.port = programs(), free_port()
        # Under /tmp, which the user nobody can reach.
        self.folder = tempfile.mkdtemp(prefix="orchestrator-pg", dir="/tmp")
        if os.getuid() == 0:
            shutil.chown(self.folder, "nobody")
        self.data = f"{self.folder}/data"
        self.run("initdb", "-D", self.data, "--auth=trust", "--username=test", "--encoding=UTF8", "--locale=C", "--no-sync")
        self.start()

    def start(self):
        options = f"-h 127.0.0.1 -p {self.port} -c unix_socket_directories='' -c fsync=off -c max_connections=200"
        self.run("pg_ctl", "-D", self.data, "-w", "-o", options, "-l", f"{self.folder}/log", "start")

    def stop(self):
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "stop")

    def run(self, program, *arguments):
        # PostgreSQL refuses to run as root.
        unprivileged = ["runuser", "-u", "nobody", "--"] if os.getuid() == 0 else []
        subprocess.run(
            [*unprivileged, str(self.bin / program), *arguments],
            check=True, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )

    def query(self, database, *statements):
        """The rows of the answers, each a list of texts."""
        command = ["psql", "-X", "-A", "-t", "-F", "\t", "-h", "127.0.0.1", "-p", str(self.port), "-U", "test"]
        # Not one command with semicolons, which would be one transaction.
        command += [word for statement in statements for word in ("-c", statement)] + [database]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return [line.split("\t") for line in answer.splitlines()]

    def url(self, database="postgres", port=None):
        return f"postgres://test@127.0.0.1:{port or self.port}/{database}"

    def create(self, database):
        """The URL of a new database."""
        self.query("postgres", f"CREATE DATABASE {database}")
        return self.url(database)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
