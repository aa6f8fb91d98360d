"""JupyterHub for a class, on one Linux server that runs systemd. README.md says how to use it.

What differs from class to class (names, passwords, limits) is in class.toml, which is read from the
folder that the hub is started in. Nothing in the course's own folder is written to.
"""

import pwd
import subprocess
import sys
from pathlib import Path

from jupyterhub.auth import Authenticator

from resnext_helpers.settings import CourseError

COURSE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(COURSE / "classroom"))
import room  # noqa: E402

c = get_config()  # noqa: F821 (JupyterHub defines it)
try:
    classroom = room.read(Path("class.toml"))
except CourseError as error:
    sys.exit(f"The hub doesn't start. {error}")


class Passwords(Authenticator):
    """Who may come in: the names in class.toml, with the class's password or one of their own."""

    async def authenticate(self, handler, data):
        name = self.normalize_username(data["username"].strip())  # Ana is ana
        if not classroom.lets_in(name, data["password"]):
            return None
        # A student is never an admin, whatever was clicked on the Admin page.
        return {"name": name, "admin": name == room.INSTRUCTOR}


c.JupyterHub.authenticator_class = Passwords
c.Authenticator.admin_users = {room.INSTRUCTOR}
c.Authenticator.allowed_users = set(classroom.students)
c.Authenticator.username_pattern = room.NAME

# A Linux account for each student, so that none can read another's files or stop another's work.
ACCOUNT = "class-{USERNAME}"


def make_account(spawner):
    """Runs before a student's server starts: makes the account at the first login."""
    account = ACCOUNT.format(USERNAME=spawner.user.name)
    try:
        pwd.getpwnam(account)
    except KeyError:
        # The students' programs run in this account; nobody logs in to it by ssh.
        private = ["--key", "HOME_MODE=0700", "--shell", "/usr/sbin/nologin"]
        subprocess.run(["useradd", "--create-home", *private, account], check=True)


c.Spawner.pre_spawn_hook = make_account

# The student's own server: the course's Python, in a systemd unit that bounds memory and cores.
c.JupyterHub.spawner_class = "systemd"
c.SystemdSpawner.username_template = ACCOUNT
c.SystemdSpawner.default_shell = "/bin/bash"
c.SystemdSpawner.isolate_tmp = True
c.SystemdSpawner.unit_extra_properties = {
    "MemorySwapMax": "0",  # at the limit a kernel ends, and the disk doesn't slow all others
    "TasksMax": "1000",  # processes and threads; a notebook that trains on 2 cores has 35
    "ProtectProc": "invisible",  # other students' processes
    # A student could ask systemd for processes outside of these limits.
    "InaccessiblePaths": "-/run/dbus -/run/user",
}
c.Spawner.mem_limit = classroom.memory
c.Spawner.cpu_limit = classroom.cores
c.Spawner.cmd = [sys.executable, str(COURSE / "classroom" / "student_server.py")]
c.Spawner.default_url = "/lab/tree/notebooks/01_gpu_setup.ipynb"
# Everyone logs in during the same minute.
c.Spawner.start_timeout = 180
c.Spawner.http_timeout = 180

# Without these, each student's TensorFlow and NumPy start a thread for every core of the server,
# and all of them wait for each other.
threads = str(classroom.cores)
c.Spawner.environment = {
    "TF_NUM_INTRAOP_THREADS": threads,
    "TF_NUM_INTEROP_THREADS": threads,
    "OMP_NUM_THREADS": threads,  # NumPy and scikit-learn
    "RESNEXT_RUNS": "~/runs",  # trained models, in the student's home
}

# Over the default, tcp, every student could read what another's kernel prints.
c.Spawner.args = ["--KernelManager.transport=ipc"]

# A notebook keeps its memory after its tab is closed: so its kernel ends an hour after its last
# cell, and the student's server when nothing happened for two. Both start anew with a click.
c.Spawner.args += [
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
