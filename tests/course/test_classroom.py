"""The server for a class: what its configuration, read without JupyterHub, would do."""

import asyncio
import json
import os
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType, SimpleNamespace

import psutil
import pytest
import zmq
from jupyter_client.manager import KernelManager
from jupyter_server.serverapp import ServerApp
from traitlets.config import Config

from resnext_course.publishing import notebook_runner
from resnext_helpers import settings
from resnext_helpers.settings import PROJECT, CourseError

pytest.importorskip("pwd", reason="the server for a class is a Linux server")

FOLDER = PROJECT / "classroom"
CONFIG = FOLDER / "jupyterhub_config.py"
README = " ".join((FOLDER / "README.md").read_text("utf-8").split())
EXAMPLE = (FOLDER / "class.example.toml").read_text("utf-8")
ROOM = EXAMPLE.replace('password = ""', 'password = "grouped birds"', 1)
ROOM = ROOM.replace('password = ""', f'password = "{32 * "x"}"', 1)
sys.path.insert(0, str(FOLDER))

import room  # noqa: E402
import student_server  # noqa: E402

NAMES = [f"{name}.ipynb" for name in notebook_runner.NAMES]


@pytest.fixture
def config(tmp_path, monkeypatch):
    """What JupyterHub would read."""
    (tmp_path / "class.toml").write_text(ROOM, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    hub = ModuleType("jupyterhub.auth")  # not installed here; try_out.py tries a real hub
    hub.Authenticator = type("", (), {"normalize_username": lambda self, name: name.lower()})
    monkeypatch.setitem(sys.modules, "jupyterhub", ModuleType("jupyterhub"))
    monkeypatch.setitem(sys.modules, "jupyterhub.auth", hub)
    config = Config()
    names = {"get_config": lambda: config, "__file__": str(CONFIG)}
    exec(compile(CONFIG.read_text(encoding="utf-8"), CONFIG, "exec"), names)
    return config


def test_names_passwords_and_limits_are_the_class_files(config):
    room = tomllib.loads(ROOM)
    assert config.Authenticator.allowed_users == set(room["students"]) == {"ana", "bo", "chen"}
    # JupyterHub's own comparison, which is no fullmatch.
    fits = re.compile(config.Authenticator.username_pattern).match
    assert all(fits(name) for name in room["students"])
    assert not any(fits(name) for name in ("Ana", "a b", "ana/../bo", "ana\n", "a" * 25, "小明"))
    assert config.Authenticator.admin_users == {"instructor"}
    assert (config.Spawner.mem_limit, config.Spawner.cpu_limit) == ("4G", 2)
    environment = config.Spawner.environment
    assert {value for name, value in environment.items() if "THREADS" in name} == {"2"}


def test_a_name_comes_in_with_its_password_and_no_other(config):
    authenticator = config.JupyterHub.authenticator_class()

    def login(name, password):
        data = {"username": name, "password": password}
        return asyncio.run(authenticator.authenticate(None, data))

    assert login(" Ana ", "grouped birds") == {"name": "ana", "admin": False}
    assert login("instructor", 32 * "x") == {"name": "instructor", "admin": True}
    wrong = ("", "grouped bird", "Grouped birds", 32 * "x", "密码密码密码密码")
    assert [login("ana", password) for password in wrong] == len(wrong) * [None]
    assert login("instructor", "grouped birds") is None


def test_students_may_have_passwords_of_their_own(tmp_path):
    text = ROOM.replace('password = "grouped birds"', "")
    text = text.replace('students = ["ana", "bo", "chen"]', "")
    file = tmp_path / "class.toml"
    file.write_text(f"{text}\n[students]\nana = 'ana’s birds'\nbo = 'birds of bo'", "utf-8")
    classroom = room.read(file)
    assert classroom.students == ["ana", "bo"]
    assert classroom.lets_in("ana", "ana’s birds")
    assert not classroom.lets_in("ana", "birds of bo")
    assert not any(classroom.lets_in("added", password) for password in ("", "None", "ana’s birds"))


@pytest.mark.parametrize(
    ("line", "instead", "sentence"),
    [
        ('"chen"', '"Chen L."', "'Chen L.' can't be a student's name: take 1 to 24 small"),
        ('"chen"', '"../chen"', "'../chen' can't be"),
        ('"chen"', '"instructor"', "'instructor' can't be"),
        ('"chen"', '"ana"', "'ana' is there 2 times"),
        ('["ana", "bo", "chen"]', '"ana"', "students is a list of names"),
        ('["ana", "bo", "chen"]', "[]", "students is empty"),
        ('"grouped birds"', '"birds"', "password needs at least 8 characters"),
        ('"grouped birds"', f'"{32 * "x"}"', "password is the instructor's too"),
        (f'"{32 * "x"}"', '"x"', "instructor_password needs at least 32 characters"),
        ('"4G"', '"4"', "memory is '4': write whole gigabytes, such as \"4G\""),
        ("cores = 2", "cores = 0.5", "cores is 0.5: write a whole number"),
        ("cores = 2", "", "needs password, .* memory and cores, and has password, .* memory."),
        ("cores = 2", "cores = two", r"class.toml can't be read: .*line \d+"),
    ],
)
def test_what_cannot_be_used_in_the_class_file_is_said(tmp_path, line, instead, sentence):
    assert ROOM.count(line) == 1
    file = tmp_path / "class.toml"
    file.write_text(ROOM.replace(line, instead), encoding="utf-8")
    with pytest.raises(CourseError, match=sentence):
        room.read(file)


def test_without_a_class_file_the_hub_says_where_it_belongs(tmp_path):
    with pytest.raises(CourseError, match=f"There is no {re.escape(str(tmp_path))}"):
        room.read(tmp_path / "class.toml")


def test_students_are_kept_apart_and_work_on_while_the_hub_restarts(config):
    hub = config.JupyterHub
    assert hub.spawner_class == "systemd"
    assert config.SystemdSpawner.isolate_tmp
    properties = config.SystemdSpawner.unit_extra_properties
    assert {type(value) for value in properties.values()} == {str}  # all that the spawner takes
    assert {"ProtectProc", "InaccessiblePaths", "TasksMax", "MemorySwapMax"} == set(properties)
    assert hub.cleanup_servers is False
    services = {service["name"] for service in hub.services}
    assert services == {name for role in hub.load_roles for name in role["services"]}


def test_the_example_lets_nobody_in_before_it_is_filled_in():
    example = tomllib.loads(EXAMPLE)
    assert (example["password"], example["instructor_password"]) == ("", "")


def test_a_student_works_in_a_linux_account_of_the_class_made_once(config, monkeypatch):
    """Never in an account that the server has already: a student may be called root."""
    made = []
    monkeypatch.setattr(subprocess, "run", lambda command, check: made.append(command))
    account = config.SystemdSpawner.username_template.format(USERNAME="root")
    assert account == "class-root"
    assert "`/home/class-*`" in README
    student = SimpleNamespace(user=SimpleNamespace(name="root"))
    config.Spawner.pre_spawn_hook(student)
    assert [(command[0], command[-1]) for command in made] == [("useradd", account)]
    assert "HOME_MODE=0700" in made[0]
    monkeypatch.setattr("pwd.getpwnam", lambda account: account)
    config.Spawner.pre_spawn_hook(student)
    assert len(made) == 1


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


def test_students_get_the_notebooks_that_they_lack_and_keep_their_own(tmp_path):
    folder = tmp_path / "notebooks"
    student_server.prepare(tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == NAMES
    assert (tmp_path / "README.md").samefile(PROJECT / "README.md")
    assert 'execution_count": 1' not in (folder / NAMES[0]).read_text("utf-8")
    (folder / NAMES[0]).write_text("changed")
    (folder / NAMES[1]).rename(folder / "mine.ipynb")
    student_server.prepare(tmp_path)
    assert (folder / NAMES[0]).read_text() == "changed"
    assert (folder / NAMES[1]).read_bytes() == (folder / "mine.ipynb").read_bytes()


def test_no_other_student_hears_what_a_kernel_prints(config):
    """A real kernel with the students' settings, and a listener at every port that it opens."""
    server = ServerApp()
    server.parse_command_line(config.Spawner.args)
    kernel = KernelManager(config=server.config)
    kernel.start_kernel()
    client = kernel.blocking_client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=60)
        sockets = psutil.Process(kernel.provisioner.pid).net_connections("tcp")
        ports = {socket.laddr.port for socket in sockets if socket.status == psutil.CONN_LISTEN}
        with zmq.Context() as context, context.socket(zmq.SUB) as listener:
            listener.linger = 0
            listener.subscribe(b"")
            for port in ports:
                listener.connect(f"tcp://127.0.0.1:{port}")
            for _ in range(3):  # a listener hears nothing in its first moments
                client.execute("print(6 * 7)", reply=True, timeout=30)
            assert not listener.poll(500)
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)


def test_a_students_own_files_never_keep_the_server_from_starting(tmp_path, monkeypatch):
    """As after a mistake: a file is called like the notebooks' folder, one like Python's own."""
    (tmp_path / "notebooks").write_text("")
    (tmp_path / "json.py").write_text("raise SystemExit('not Python’s json')", encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", "")
    started = []
    monkeypatch.setattr(os, "execv", lambda program, command: started.append(command))
    runpy.run_path(student_server.__file__, run_name="__main__")
    (command,) = started
    # Another module in the hub's place, which isn't installed here.
    command = [{"jupyterhub.singleuser": "json.tool"}.get(word, word) for word in command[:3]]
    subprocess.run([*command, "--help"], cwd=tmp_path, check=True, capture_output=True)


def test_requirements_are_pinned_beside_the_courses_own():
    lines = (FOLDER / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith(("#", "-c ../requirements.lock"))]
    assert all(re.fullmatch(r"[a-z-]+==[\d.]+", pin) for pin in pins)
    lock = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    assert not [pin for pin in pins if re.search(rf"^{pin.split('==')[0]}==", lock, re.MULTILINE)]


def test_the_readme_sizes_a_server_with_the_measured_costs():
    measured = json.loads((PROJECT / "benchmarks" / "notebooks.json").read_text(encoding="utf-8"))
    costs, server = measured["notebooks"], measured["server"]
    largest = server + max(cost["peak"] for cost in costs.values())
    memory = round(largest / 1e9, 1)
    assert f"2 + 20 × {memory} = {2 + 20 * memory:.0f} GB" in README
    longest = max(costs, key=lambda name: costs[name]["cpu"])
    seconds = round(costs[longest]["cpu"])
    assert f"notebook {longest[:2]}, the longest: 20 × {seconds} / 16" in README
    assert f"= {20 * seconds / 16:.0f} seconds" in README
    limit = int(tomllib.loads(ROOM)["memory"].removesuffix("G")) * 2**30
    assert largest + min(cost["kept"] for cost in costs.values()) < limit  # and another one
