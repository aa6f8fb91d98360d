"""The server for a class: what its configuration, read without JupyterHub, would do."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from traitlets.config import Config

from resnext_course.publishing import notebook_runner
from resnext_helpers import settings
from resnext_helpers.settings import PROJECT

pytest.importorskip("pwd", reason="the server for a class is a Linux server")

FOLDER = PROJECT / "classroom"
CONFIG = FOLDER / "jupyterhub_config.py"
README = " ".join((FOLDER / "README.md").read_text("utf-8").split())
EXAMPLE = (FOLDER / "class.example.toml").read_text("utf-8")
ROOM = EXAMPLE.replace('password = ""', 'password = "grouped birds"', 1)
ROOM = ROOM.replace('password = ""', f'password = "{32 * "x"}"', 1)
sys.path.insert(0, str(FOLDER))

import student_server  # noqa: E402

NAMES = [f"{name}.ipynb" for name in notebook_runner.NAMES]


@pytest.fixture
def config(tmp_path, monkeypatch):
    """What JupyterHub would read."""
    (tmp_path / "class.toml").write_text(ROOM, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    config = Config()
    names = {"get_config": lambda: config, "__file__": str(CONFIG)}
    exec(compile(CONFIG.read_text(encoding="utf-8"), CONFIG, "exec"), names)
    return config


def test_names_passwords_and_limits_are_the_class_files(config):
    room = tomllib.loads(ROOM)
    assert config.Authenticator.allowed_users == set(room["students"]) == {"ana", "bo", "chen"}
    pattern = config.Authenticator.username_pattern
    assert all(re.fullmatch(pattern, name) for name in room["students"])
    assert not any(re.fullmatch(pattern, name) for name in ("Ana", "a b", "../x", "a" * 25))
    passwords = config.SharedPasswordAuthenticator
    assert (passwords.user_password, passwords.admin_password) == ("grouped birds", 32 * "x")
    assert config.Authenticator.admin_users == {"instructor"}
    assert (config.Spawner.mem_limit, config.Spawner.cpu_limit) == ("4G", 2)
    environment = config.Spawner.environment
    assert {value for name, value in environment.items() if "THREADS" in name} == {"2"}


def test_students_are_kept_apart_and_work_on_while_the_hub_restarts(config):
    hub = config.JupyterHub
    assert (hub.spawner_class, hub.authenticator_class) == ("systemd", "shared-password")
    assert config.SystemdSpawner.isolate_tmp
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
    assert made == [["useradd", "--create-home", "--key", "HOME_MODE=0700", account]]
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
