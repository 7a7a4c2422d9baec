"""nginx with the configuration of specs/nginx.conf."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

from postgres import free_port

CONFIGURATION = pathlib.Path(__file__).resolve().parents[2] / "specs" / "nginx.conf"

AROUND = """
daemon off;
master_process off;
error_log stderr warn;
pid nginx.pid;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy;
    fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
{}
}}
"""


def program():
    found = shutil.which("nginx") or shutil.which("/usr/sbin/nginx") or os.environ.get("NGINX_PROGRAM")
    if not found:
        raise RuntimeError("nginx is needed: put it on PATH, or its path into NGINX_PROGRAM")
    return found


class Nginx:
    """In front of these ports of this machine, in the order in which the file names replicas."""

    def __init__(self, ports):
        self.folder = tempfile.TemporaryDirectory()
        self.port = free_port()
        places = iter(ports)
        text = re.sub(r"replica-\d:8000", lambda _: f"127.0.0.1:{next(places)}", CONFIGURATION.read_text())
        text = text.replace("listen 80;", f"listen 127.0.0.1:{self.port};")
        path = pathlib.Path(self.folder.name, "nginx.conf")
        path.write_text(AROUND.format(text))
        self.log = open(path.with_name("log"), "w+")
        command = [program(), "-p", self.folder.name, "-c", str(path), "-e", "stderr"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        time.sleep(0.2)
        if self.process.poll() is not None:
            raise RuntimeError("nginx did not start:\n" + self.lines())

    def lines(self):
        self.log.seek(0)
        return self.log.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)
        self.log.close()
        self.folder.cleanup()
