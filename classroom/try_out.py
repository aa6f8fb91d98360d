"""Tries a running hub as a class will use it; on the server, the day before:

    sudo .venv/bin/python classroom/try_out.py /var/lib/resnext-class/class.toml --notebook 05

All students of class.toml log in at the same time, and each runs the notebook in a kernel of their
own. It also makes sure that a wrong password is refused, that a student can't see another's files,
and that what a student wrote is still there after a restart.
"""

import argparse
import asyncio
import json
import time
import tomllib
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import requests
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

PATIENCE = 300  # seconds, for a server to start or stop
NOTE = "notebooks/try_out.txt"


class Student:
    """One student's browser."""

    def __init__(self, hub: str, name: str, password: str):
        """Logs in by the form that the students see; raises PermissionError."""
        self.hub, self.name = hub, name
        browser = requests.Session()
        browser.get(f"{hub}/hub/login").raise_for_status()

        def post(page, **content):
            secret = {"_xsrf": browser.cookies["_xsrf"]}  # another one after the login
            return browser.post(
                f"{hub}/hub/{page}", params=secret, allow_redirects=False, **content
            )

        answer = post("login", data={"username": name, "password": password})
        if answer.status_code != 302:
            raise PermissionError(f"{name} is not let in (HTTP {answer.status_code}).")
        # From here on with a token, which needs no cookies.
        answer = post(f"api/users/{name}/tokens", json={})
        answer.raise_for_status()
        self.headers = {"Authorization": f"token {answer.json()['token']}"}

    def ask(self, method: str, path: str, **arguments) -> requests.Response:
        """One request with the student's rights; raises PermissionError on 403."""
        answer = requests.request(
            method, f"{self.hub}/{path}", headers=self.headers, timeout=PATIENCE, **arguments
        )
        if answer.status_code == 403:
            raise PermissionError(f"{self.name} may not {method} {path}.")
        return answer

    def start(self) -> None:
        """Starts the student's server if it doesn't run yet, and waits for it."""
        answer = self.ask("POST", f"hub/api/users/{self.name}/server")
        if answer.status_code != 400:  # it runs already
            answer.raise_for_status()
        self._wait(lambda servers: servers.get("", {}).get("ready"))

    def stop(self) -> None:
        """Stops the student's server, and waits for it."""
        self.ask("DELETE", f"hub/api/users/{self.name}/server").raise_for_status()
        self._wait(lambda servers: not servers)

    def _wait(self, done):
        deadline = time.monotonic() + PATIENCE
        while not done(self.ask("GET", f"hub/api/users/{self.name}").json()["servers"]):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name}'s server took more than {PATIENCE} s.")
            time.sleep(1)

    def file(self, method: str, path: str, owner: str = "", **arguments) -> requests.Response:
        """GET, PUT or DELETE a file on the student's server, or on another ``owner``'s."""
        return self.ask(method, f"user/{owner or self.name}/api/contents/{path}", **arguments)

    def write(self, path: str, text: str) -> None:
        model = {"type": "file", "format": "text", "content": text}
        self.file("PUT", path, json=model).raise_for_status()

    def read(self, path: str) -> str | None:
        """The file's text, or None where there is no such file."""
        answer = self.file("GET", path)
        return None if answer.status_code == 404 else answer.json()["content"]

    def notebooks(self) -> list[str]:
        listing = self.file("GET", "notebooks").json()["content"]
        return sorted(item["name"] for item in listing if item["type"] == "notebook")

    def run(self, sources: list[str], folder: str = "notebooks") -> float:
        """Runs cells in a new kernel on the student's server; seconds. A failing cell raises."""
        started = time.monotonic()
        kernels = f"user/{self.name}/api/kernels"
        answer = self.ask("POST", kernels, json={"name": "python3", "path": f"{folder}/x.ipynb"})
        answer.raise_for_status()
        kernel = f"{kernels}/{answer.json()['id']}"
        try:
            asyncio.run(self._run(f"{self.hub}/{kernel}/channels", sources))
        finally:
            self.ask("DELETE", kernel)
        return time.monotonic() - started

    async def _run(self, address, sources):
        request = HTTPRequest(address.replace("http", "ws", 1), headers=self.headers)
        line = await websocket_connect(request, max_message_size=2**28)
        for source in sources:
            await line.write_message(json.dumps(_execute_request(source)))
            while (message := await line.read_message()) is not None:
                reply = json.loads(message) if isinstance(message, str) else {}
                if reply.get("msg_type") == "execute_reply":
                    break
            else:
                raise RuntimeError(f"{self.name}'s kernel ended.")
            if reply["content"]["status"] != "ok":
                error = f"{reply['content']['ename']}: {reply['content']['evalue']}"
                raise RuntimeError(f"{self.name}'s cell failed: {error}\n{source}")
        line.close()


def _execute_request(source):
    header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "version": "5.3"}
    return {
        "header": {**header, "username": "", "session": header["msg_id"], "date": ""},
        "parent_header": {},
        "metadata": {},
        "content": {"code": source, "silent": False, "allow_stdin": False},
        "channel": "shell",
    }


def cells(notebook: Path) -> list[str]:
    """The source of a notebook's code cells."""
    return [cell.source for cell in nbformat.read(notebook, 4).cells if cell.cell_type == "code"]


def must_refuse(attempt, *arguments) -> None:
    try:
        attempt(*arguments)
    except PermissionError:
        return
    raise SystemExit(f"NOT REFUSED: {arguments}. Don't open this server to a class.")


def check_hub(hub: str, name: str, password: str) -> None:
    """A wrong password, and a name that isn't in the class, are refused."""
    must_refuse(Student, hub, name, f"not {password}")
    must_refuse(Student, hub, "nobody", password)


def check_files(one: Student, other: Student) -> None:
    """``other`` doesn't see what ``one`` writes, and a restart doesn't lose it."""
    one.write(NOTE, "mine")
    assert other.read(NOTE) is None, f"{other.name} has {one.name}'s file"
    must_refuse(other.file, "GET", NOTE, one.name)
    one.stop()
    one.start()
    assert one.read(NOTE) == "mine", f"{one.name} lost a file in a restart"


def check_accounts(one: Student, other: Student) -> None:
    """``other`` can't read what ``one`` wrote (see ``check_files``) from a cell either."""
    file = f"~class-{one.name}/{NOTE}"
    other.run(
        [
            f"import os\n"
            f"try: open(os.path.expanduser({file!r}))\n"
            f"except PermissionError: pass\n"
            f"else: raise AssertionError('{other.name} can read {file}')"
        ]
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("room", type=Path, metavar="class.toml")
    parser.add_argument("--hub", default="http://127.0.0.1:8000", metavar="URL")
    parser.add_argument("--notebook", default="03", help="a number from 01 to 06 (default: 03)")
    options = parser.parse_args()
    room = tomllib.loads(options.room.read_text(encoding="utf-8"))
    (notebook,) = (
        Path(__file__).resolve().parent.parent.glob(f"notebooks/{options.notebook}_*.ipynb")
    )
    names, password = room["students"], room["password"]
    if len(names) < 2:
        raise SystemExit(f"{options.room} needs two students: one tries to read the other's file.")

    check_hub(options.hub, names[0], password)
    print("A wrong password and an unknown name are refused.", flush=True)

    def attend(name):
        started = time.monotonic()
        student = Student(options.hub, name, password)
        student.start()
        print(f"{name:<24}server ready after {time.monotonic() - started:.0f} s", flush=True)
        seconds = student.run(cells(notebook))
        print(f"{name:<24}{notebook.name} ran in {seconds:.0f} s", flush=True)
        return student

    with ThreadPoolExecutor(len(names)) as pool:
        students = list(pool.map(attend, names))
    check_files(*students[:2])
    check_accounts(*students[:2])
    students[0].file("DELETE", NOTE)
    print("A student's files are private, and survive a restart of the server.")
    for student in students:
        student.stop()


if __name__ == "__main__":
    main()
