"""What a student's kernel may not do; try_out.py runs these two functions in one.

Each returns what it got at, in words: nothing, where the server is set up well.
"""


def others(account: str, file: str) -> list[str]:
    """Reaches for what belongs to another student's account, and to the server."""
    import os
    import pwd
    import socket
    import subprocess
    from pathlib import Path

    import ipykernel

    from resnext_helpers.settings import PROJECT

    other = pwd.getpwnam(account)
    home, got = Path(other.pw_dir), []

    def attempt(what, action, *arguments):
        try:
            action(*arguments)
        except (OSError, subprocess.CalledProcessError):
            return
        got.append(what)

    attempt(f"reads {file}", (home / file).read_bytes)
    attempt("lists the folder", os.listdir, home)
    attempt("writes into the folder", (home / "from_another").touch)
    attempt("reads the server's token", os.listdir, f"/run/jupyter-{account[6:]}-singleuser")
    attempt("reads the passwords", os.listdir, "/var/lib/resnext-class")
    attempt("writes into the course", (PROJECT / "from_a_student").touch)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.stat().st_uid == other.pw_uid:
                got.append(f"sees process {process.name}")
                attempt(f"signals process {process.name}", os.kill, int(process.name), 0)
        except FileNotFoundError:  # it has just ended
            pass
    if ipykernel.get_connection_info(unpack=True)["transport"] != "ipc":
        got.append("can listen to kernels")
    # By these a student gets processes that no limit holds for.
    bus = socket.socket(socket.AF_UNIX)
    attempt("talks to systemd", bus.connect, "/run/dbus/system_bus_socket")
    attempt("becomes root", subprocess.check_output, ["sudo", "-n", "true"])
    return got


def limits(gigabytes: int, cores: int) -> list[str]:
    """Reaches for more memory, processes and processor time than a student has."""
    import subprocess
    import sys

    def start(*command):
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    got = []
    fill = f"kept = [b'x' * 2**26 for _ in range({gigabytes} * 16 + 16)]"  # and a gigabyte more
    if start(sys.executable, "-c", fill).wait() == 0:
        got.append(f"has more than {gigabytes} GB of memory")

    sleepers = []
    try:
        sleepers.extend(start("sleep", "60") for _ in range(1000))
        got.append("starts 1000 processes")
    except OSError:
        pass
    for sleeper in sleepers:
        sleeper.kill()
        sleeper.communicate()

    busy = (
        "import time\nend = time.time() + 4\nwhile time.time() < end: pass\n"
        "print(time.process_time())"
    )
    workers = [start(sys.executable, "-c", busy) for _ in range(cores + 2)]
    used = sum(float(worker.communicate()[0]) for worker in workers)
    if used > 1.3 * 4 * cores:
        got.append(f"computes on {used / 4:.1f} cores")
    return got
