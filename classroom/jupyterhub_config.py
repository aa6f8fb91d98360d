"""JupyterHub for a class, on one Linux server that runs systemd. README.md says how to use it.

What differs from class to class (names, passwords, limits) is in class.toml, which is read from the
folder that the hub is started in. Nothing in the course's own folder is written to.
"""

import pwd
import subprocess
import sys
import tomllib
from pathlib import Path

COURSE = Path(__file__).resolve().parent.parent

c = get_config()  # noqa: F821 (JupyterHub defines it)
room = tomllib.loads(Path("class.toml").read_text(encoding="utf-8"))

# Who may come in: the names in class.toml, with one password for the whole class.
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = room["password"]
c.SharedPasswordAuthenticator.admin_password = room["instructor_password"]
c.Authenticator.admin_users = {"instructor"}
c.Authenticator.allowed_users = set(room["students"])
c.Authenticator.username_pattern = "[a-z][a-z0-9]{0,23}"  # a part of a Linux account's name


# A Linux account for each student, so that none can read another's files or stop another's work.
ACCOUNT = "class-{USERNAME}"


def make_account(spawner):
    """Runs before a student's server starts: makes the account at the first login."""
    account = ACCOUNT.format(USERNAME=spawner.user.name)
    try:
        pwd.getpwnam(account)
    except KeyError:
        command = ["useradd", "--create-home", "--key", "HOME_MODE=0700", account]
        subprocess.run(command, check=True)


c.Spawner.pre_spawn_hook = make_account

# The student's own server: the course's Python, in a systemd unit that bounds memory and cores.
c.JupyterHub.spawner_class = "systemd"
c.SystemdSpawner.username_template = ACCOUNT
c.SystemdSpawner.default_shell = "/bin/bash"
c.SystemdSpawner.isolate_tmp = True
c.Spawner.mem_limit = room["memory"]
c.Spawner.cpu_limit = room["cores"]
c.Spawner.cmd = [sys.executable, str(COURSE / "classroom" / "student_server.py")]
c.Spawner.default_url = "/lab/tree/notebooks/01_gpu_setup.ipynb"
# Everyone logs in during the same minute.
c.Spawner.start_timeout = 180
c.Spawner.http_timeout = 180

# Without these, each student's TensorFlow and NumPy start a thread for every core of the server,
# and all of them wait for each other.
threads = str(room["cores"])
c.Spawner.environment = {
    "TF_NUM_INTRAOP_THREADS": threads,
    "TF_NUM_INTEROP_THREADS": threads,
    "OMP_NUM_THREADS": threads,  # NumPy and scikit-learn
    "RESNEXT_RUNS": "~/runs",  # trained models, in the student's home
}

# A notebook keeps its memory after its tab is closed: so its kernel ends an hour after its last
# cell, and the student's server when nothing happened for two. Both start anew with a click.
c.Spawner.args = [
    "--MappingKernelManager.cull_idle_timeout=3600",
    "--MappingKernelManager.cull_connected=True",
]
c.JupyterHub.services = [
    {
        "name": "idle-culler",
        "command": [sys.executable, "-m", "jupyterhub_idle_culler", "--timeout=7200"],
    }
]
c.JupyterHub.load_roles = [
    {
        "name": "idle-culler",
        "services": ["idle-culler"],
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
    }
]
# The students' servers go on while the hub restarts, so a name can be added in mid-class.
c.JupyterHub.cleanup_servers = False
