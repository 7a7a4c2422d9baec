"""A PostgreSQL of its own, gone afterwards."""

import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import tempfile

OPTIONS = "-h 127.0.0.1 -c unix_socket_directories='' -c fsync=off -c max_connections=200"


def programs():
    """The folder of `initdb`: on PATH, or where Debian puts it."""
    found = shutil.which("initdb")
    if found:
        return pathlib.Path(found).parent
    for folder in sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    raise RuntimeError("there is no initdb on PATH: install PostgreSQL 15 or later")


def unprivileged():
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class Postgres:
    def __init__(self):
        self.bin, self.folder = programs(), pathlib.Path(tempfile.mkdtemp(prefix="orchestrator-pg"))
        who = unprivileged()
        if who:
            os.chown(self.folder, who["user"], who["group"])
        self.data, self.port, self.who = self.folder / "data", free_port(), who
        self.call("initdb", "-D", self.data, "--auth=trust", "--username=test", "--encoding=UTF8", "--locale=C", "--no-sync")
        self.start()

    def call(self, program, *arguments):
        subprocess.run([self.bin / program, *arguments], check=True, cwd=self.folder, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, **self.who)

    def start(self):
        options = f"{OPTIONS} -p {self.port}"
        self.call("pg_ctl", "-D", self.data, "-w", "-o", options, "-l", self.folder / "log", "start")

    def stop(self):
        self.call("pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop")

    def say(self, *statements):
        psql, commands = shutil.which("psql") or self.bin / "psql", []
        for statement in statements:
            commands += ["-c", statement]
        self.call(psql, "-h", "127.0.0.1", "-p", str(self.port), "-U", "test", "-d", "postgres", "-q", *commands)

    def url(self, port=None):
        return f"postgres://test@127.0.0.1:{port or self.port}/postgres"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
