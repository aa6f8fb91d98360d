"""Tries a running hub as a class will use it; on the server, the day before:

    sudo .venv/bin/python classroom/try_out.py /var/lib/resnext-class/class.toml --notebook 05

All students of class.toml log in at the same time, and each runs the notebook in a kernel of their
own. Then one of them reaches for another's files, processes and rights, and for more than the
limits allow. It also makes sure that wrong names and passwords are refused, and that what a student
wrote is still there after a restart.
"""

import argparse
import asyncio
import inspect
import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import reach
import requests
import room
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from resnext_helpers.settings import CourseError

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
        if answer.status_code == 403:
            raise PermissionError(f"{name} is not let in.")
        answer.raise_for_status()
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
    """Wrong passwords, and names that aren't in the class, are refused."""
    for wrong in ("", password + "x", "密码密码密码密码"):
        must_refuse(Student, hub, name, wrong)
    names = ("", "nobody", "root", room.INSTRUCTOR, "..", f"../{name}", f"{name}/x", "小明")
    for wrong in (*names, 300 * "a"):
        must_refuse(Student, hub, wrong, password)


def check_files(one: Student, other: Student) -> None:
    """``other`` doesn't see what ``one`` writes, and a restart doesn't lose it."""
    one.write(NOTE, "mine")
    assert other.read(NOTE) is None, f"{other.name} has {one.name}'s file"
    must_refuse(other.file, "GET", NOTE, one.name)
    one.stop()
    one.start()
    assert one.read(NOTE) == "mine", f"{one.name} lost a file in a restart"


def check_reach(one: Student, other: Student, classroom: room.Room) -> None:
    """``other`` gets at nothing of ``one`` (see ``check_files``), nor at more than the limits."""
    account = f"class-{one.name}"
    other.run([f"import os; os.path.lexists('link') or os.symlink('/home/{account}', 'link')"])
    for method, path in (
        ("GET", f"user/{other.name}/api/contents/notebooks/link/{NOTE}"),
        ("GET", f"user/{other.name}/api/contents/..%2f{account}%2f{NOTE}"),
        ("GET", f"user/{other.name}/files/..%2f{account}%2f{NOTE}"),
        ("GET", f"user/{one.name}/api/kernels"),
        ("GET", "hub/api/users"),
        ("GET", f"hub/api/users/{one.name}"),
        ("POST", f"hub/api/users/{one.name}/tokens"),
        ("POST", f"hub/api/users/{one.name}/server"),
        ("DELETE", f"hub/api/users/{one.name}/server"),
        ("POST", "hub/api/users/one_more"),
        ("POST", f"hub/api/users/{other.name}/servers/second"),
    ):
        must_refuse(_get_at, other, method, path)
    for function, arguments in (
        (reach.others, (account, NOTE)),
        (reach.limits, (int(classroom.memory[:-1]), classroom.cores)),
    ):
        call = f"{function.__name__}{arguments}"
        other.run([inspect.getsource(function), f"got = {call}\nassert not got, ', '.join(got)"])
    other.file("DELETE", "notebooks/link")


def _get_at(student, method, path):
    # A server that knows nothing of such a file or name refuses as well.
    if not student.ask(method, path, json={} if method == "POST" else None).ok:
        raise PermissionError


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("room", type=Path, metavar="class.toml")
    parser.add_argument("--hub", default="http://127.0.0.1:8000", metavar="URL")
    parser.add_argument("--notebook", default="03", help="a number from 01 to 06 (default: 03)")
    options = parser.parse_args()
    try:
        classroom = room.read(options.room)
    except CourseError as error:
        raise SystemExit(error) from None
    (notebook,) = (
        Path(__file__).resolve().parent.parent.glob(f"notebooks/{options.notebook}_*.ipynb")
    )
    names, passwords = classroom.students, classroom.passwords
    if len(names) < 2:
        raise SystemExit(f"{options.room} needs two students: one tries to read the other's file.")

    check_hub(options.hub, names[0], passwords[names[0]])
    print("Wrong passwords and names are refused.", flush=True)

    def attend(name):
        started = time.monotonic()
        student = Student(options.hub, name, passwords[name])
        student.start()
        print(f"{name:<24}server ready after {time.monotonic() - started:.0f} s", flush=True)
        seconds = student.run(cells(notebook))
        print(f"{name:<24}{notebook.name} ran in {seconds:.0f} s", flush=True)
        return student

    with ThreadPoolExecutor(len(names)) as pool:
        students = list(pool.map(attend, names))
    check_files(*students[:2])
    print("A student's files survive a restart of the server.", flush=True)
    check_reach(*students[:2], classroom)
    print("A student gets at nothing of another's, and at no more than the limits allow.")
    students[0].file("DELETE", NOTE)
    for student in students:
        student.stop()


if __name__ == "__main__":
    main()
