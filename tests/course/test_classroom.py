"""The server for a class: its configuration names things that exist, and a hub with it works."""

import importlib.util
import json
import re
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from traitlets.config import Config

from resnext_course.publishing import notebook_runner
from resnext_helpers import settings
from resnext_helpers.settings import PROJECT

pytest.importorskip("pwd", reason="the server for a class is a Linux server")

FOLDER = PROJECT / "classroom"
CONFIG = FOLDER / "jupyterhub_config.py"
EXAMPLE = FOLDER / "class.example.toml"
sys.path.insert(0, str(FOLDER))

import student_server  # noqa: E402
import try_out  # noqa: E402

NAMES = [f"{name}.ipynb" for name in notebook_runner.NAMES]
PASSWORD = "grouped birds"
INSTRUCTOR_PASSWORD = "0123456789abcdef0123456789abcdef"
ROOM = re.sub(
    r"^(\w*password) = .*",
    lambda line: f'{line[1]} = "{PASSWORD if line[1] == "password" else INSTRUCTOR_PASSWORD}"',
    EXAMPLE.read_text(encoding="utf-8"),
    flags=re.MULTILINE,
)


@pytest.fixture
def config(tmp_path, monkeypatch):
    """What JupyterHub would read."""
    (tmp_path / "class.toml").write_text(ROOM, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    config = Config()
    names = {"get_config": lambda: config, "__file__": str(CONFIG)}
    exec(compile(CONFIG.read_text(encoding="utf-8"), CONFIG, "exec"), names)
    return config


def test_the_configuration_takes_names_and_limits_from_the_class_file(config):
    room = tomllib.loads(ROOM)
    assert config.Authenticator.allowed_users == {"ana", "bo", "chen"}
    assert all(
        re.fullmatch(config.Authenticator.username_pattern, name) for name in room["students"]
    )
    assert config.SharedPasswordAuthenticator.user_password == PASSWORD
    assert config.SharedPasswordAuthenticator.admin_password == INSTRUCTOR_PASSWORD
    assert (config.Spawner.mem_limit, config.Spawner.cpu_limit) == ("4G", 2)
    environment = config.Spawner.environment
    assert {value for name, value in environment.items() if "THREADS" in name} == {"2"}


def test_the_example_lets_nobody_in_before_it_is_filled_in():
    example = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    assert (example["password"], example["instructor_password"]) == ("", "")


def test_the_configuration_names_what_exists(config, monkeypatch):
    python, script = map(Path, config.Spawner.cmd)
    assert python.samefile(sys.executable)
    assert script == Path(student_server.__file__)
    assert config.Spawner.default_url == f"/lab/tree/notebooks/{NAMES[0]}"
    monkeypatch.setenv("HOME", "/home/class-ana")
    monkeypatch.setenv("RESNEXT_RUNS", config.Spawner.environment["RESNEXT_RUNS"])
    assert settings.load().runs_dir == Path("/home/class-ana/runs")
    service = (FOLDER / "resnext-class.service").read_text(encoding="utf-8")
    (path,) = re.findall(r"--config /srv/resnext-course/(\S+)", service)
    assert PROJECT / path == CONFIG


def test_a_student_gets_a_linux_account_once(config, monkeypatch):
    commands = []
    monkeypatch.setattr(subprocess, "run", lambda command, check: commands.append(command))
    student = SimpleNamespace(user=SimpleNamespace(name="ana"))
    config.Spawner.pre_spawn_hook(student)
    assert commands == [["useradd", "--create-home", "--key", "HOME_MODE=0700", "class-ana"]]
    monkeypatch.setattr("pwd.getpwnam", lambda account: account)
    config.Spawner.pre_spawn_hook(student)
    assert len(commands) == 1


def test_students_get_the_notebooks_that_they_lack_and_keep_their_own(tmp_path):
    folder = tmp_path / "notebooks"
    student_server.give_notebooks(folder)
    assert sorted(path.name for path in folder.iterdir()) == NAMES
    (folder / NAMES[0]).write_text("changed")
    (folder / NAMES[1]).rename(folder / "mine.ipynb")
    student_server.give_notebooks(folder)
    assert (folder / NAMES[0]).read_text() == "changed"
    original = (notebook_runner.FOLDER / NAMES[1]).read_bytes()
    assert (folder / NAMES[1]).read_bytes() == (folder / "mine.ipynb").read_bytes() == original


def test_requirements_are_pinned_beside_the_courses_own():
    lines = (FOLDER / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith(("#", "-c ../requirements.lock"))]
    assert all(re.fullmatch(r"[a-z-]+==[\d.]+", pin) for pin in pins)
    lock = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    assert not [pin for pin in pins if re.search(rf"^{pin.split('==')[0]}==", lock, re.MULTILINE)]


@pytest.mark.skipif(
    not (PROJECT / "benchmarks" / "notebooks.json").exists(),
    reason="not measured yet: python benchmarks/notebooks.py",
)
def test_the_readme_sizes_a_server_with_the_measured_costs():
    measured = json.loads((PROJECT / "benchmarks" / "notebooks.json").read_text(encoding="utf-8"))
    costs, server = measured["notebooks"], measured["server"]
    readme = " ".join((FOLDER / "README.md").read_text(encoding="utf-8").split())
    largest = server + max(cost["peak"] for cost in costs.values())
    memory = round(largest / 1e9, 1)
    assert f"2 + 20 × {memory} = {2 + 20 * memory:.0f} GB" in readme
    longest = max(costs, key=lambda name: costs[name]["cpu"])
    seconds = round(costs[longest]["cpu"])
    assert f"notebook {longest[:2]}, the longest: 20 × {seconds} / 16" in readme
    assert f"= {20 * seconds / 16:.0f} seconds" in readme
    limit = int(tomllib.loads(ROOM)["memory"].removesuffix("G")) * 2**30
    assert largest + min(cost["kept"] for cost in costs.values()) < limit  # and another one


NO_HUB = (
    "JupyterHub isn't installed: pip install -r classroom/requirements.txt"
    if importlib.util.find_spec("jupyterhub") is None
    else "no proxy for JupyterHub: npm install --global configurable-http-proxy"
    if shutil.which("configurable-http-proxy") is None
    else ""
)


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """The address of a hub with the course's configuration, but for accounts and limits."""
    folder = tmp_path_factory.mktemp("hub")
    (folder / "class.toml").write_text(ROOM, encoding="utf-8")
    public, inside, proxy = (f"http://127.0.0.1:{port}" for port in free_ports(3))
    test_config = folder / "config.py"
    test_config.write_text(
        f"""
load_subconfig({str(CONFIG)!r})
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {str(folder / "homes" / "{username}")!r}
c.Spawner.pre_spawn_hook = None
c.Spawner.args.append("--allow-root")  # the students' servers run as whoever runs the test
c.JupyterHub.bind_url = {public!r}
c.JupyterHub.hub_bind_url = {inside!r}
c.ConfigurableHTTPProxy.api_url = {proxy!r}
c.JupyterHub.cleanup_servers = True
"""
    )
    with (folder / "log").open("w") as log:
        command = [sys.executable, "-m", "jupyterhub", "--config", test_config]
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        wait_for(f"{public}/hub/login", process, folder / "log")
        yield public
    finally:
        process.terminate()
        process.wait()


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait_for(address, process, log):
    for _ in range(120):
        assert process.poll() is None, log.read_text()
        try:
            if requests.get(address, timeout=5).ok:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.5)
    raise AssertionError(log.read_text())


@pytest.mark.skipif(bool(NO_HUB), reason=NO_HUB)
def test_two_students_work_in_a_hub_each_with_notebooks_of_their_own(hub):
    try_out.check_hub(hub, "ana", PASSWORD)
    ana, bo = (try_out.Student(hub, name, PASSWORD) for name in ("ana", "bo"))
    for student in (ana, bo):
        student.start()
        assert student.notebooks() == NAMES
    notebook = f"notebooks/{NAMES[2]}"
    model = ana.file("GET", notebook).json()
    model["content"]["cells"] = model["content"]["cells"][:1]
    ana.file("PUT", notebook, json=model).raise_for_status()
    bo.run(try_out.cells(notebook_runner.FOLDER / NAMES[2]))
    with pytest.raises(RuntimeError, match="bo's cell failed: NameError"):
        bo.run(["1 + 1", "nothing_of_this_name"])
    try_out.check_files(ana, bo)  # a restart of ana's server in it
    assert len(ana.file("GET", notebook).json()["content"]["cells"]) == 1
    assert len(bo.file("GET", notebook).json()["content"]["cells"]) > 1


@pytest.mark.skipif(bool(NO_HUB), reason=NO_HUB)
def test_the_instructor_has_a_password_of_their_own_and_may_add_a_student(hub):
    with pytest.raises(PermissionError):
        try_out.Student(hub, "instructor", PASSWORD)
    with pytest.raises(PermissionError):
        try_out.Student(hub, "late", PASSWORD)
    instructor = try_out.Student(hub, "instructor", INSTRUCTOR_PASSWORD)
    instructor.ask("POST", "hub/api/users/late").raise_for_status()
    try_out.Student(hub, "late", PASSWORD)
