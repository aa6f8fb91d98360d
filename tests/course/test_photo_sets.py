import hashlib
import io
import re
import tarfile
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from resnext_course import photo_sets
from resnext_course.photo_sets import CHUNK
from resnext_helpers import data
from resnext_helpers.settings import CourseError


@dataclass
class Served:
    """A file on the test's server, and how the server treats those who ask for it."""

    content: bytes
    ranges: bool = True  # can it start in the middle?
    breaks: list[int] = field(default_factory=list)  # where it breaks off, request by request
    always_breaks_at: int | None = None
    asked: list[str] = field(default_factory=list)  # the Range of each request


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        served = self.server.files.get(self.path)
        if served is None:
            self.send_error(404)
            return
        asked = self.headers.get("Range", "")
        served.asked.append(asked)
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if served.ranges and asked else 0
        if start >= len(served.content):
            self.send_error(416)
            return
        self.send_response(206 if served.ranges and asked else 200)
        self.send_header("Content-Length", str(len(served.content) - start))
        self.end_headers()
        stop = served.breaks.pop(0) if served.breaks else served.always_breaks_at
        self.wfile.write(served.content[start:stop])

    def log_message(self, *_):
        pass


def archive_of(*members):
    """A compressed tar file of files ``(name, content)`` and others ``(name, kind, target)``."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content, *target in members:
            member = tarfile.TarInfo(name)
            if target:
                member.type, member.linkname, content = content, target[0], b""
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def photo(seed):
    return np.random.default_rng(seed).bytes(20_000)  # doesn't shrink when compressed


PHOTOS = {"Finch/1.jpg": photo(1), "Finch/2.jpg": photo(2), "Owl/1.jpg": photo(3)}
MEMBERS = [
    ("tiny", tarfile.DIRTYPE, ""),
    ("tiny/LICENSE.txt", b"made up"),
    *((f"tiny/{name}", content) for name, content in PHOTOS.items()),
    ("elsewhere/notes.txt", b"not wanted"),
]
ARCHIVE = archive_of(*MEMBERS)


@pytest.fixture
def server(monkeypatch):
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.files = {}
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setattr(photo_sets, "PAUSE", 0)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def publish(server, monkeypatch):
    """Serve something as the public set "tiny", whose right bytes are ``published``."""

    def publish(served, published=ARCHIVE, path="/tiny.tgz"):
        server.files = {"/tiny.tgz": served}
        tiny = photo_sets.PublicSet(
            url=f"http://127.0.0.1:{server.server_port}{path}",
            checksum=f"sha256:{hashlib.sha256(published).hexdigest()}",
            size=len(published),
            licence="CC0",
            inside="tiny",
            classes=2,
        )
        monkeypatch.setitem(photo_sets.PUBLIC_SETS, "tiny", tiny)
        return served

    return publish


def contents(folder):
    """Every file below a folder, with its bytes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if not path.is_dir()
    }


def assert_complete(folder):
    assert contents(folder) == {"LICENSE.txt": b"made up", **PHOTOS}
    assert list(folder.parent.iterdir()) == [folder], "something was left behind"


def test_a_download_that_works(publish, tmp_path, capsys):
    served = publish(Served(ARCHIVE))
    folder = data.fetch("tiny", tmp_path / "new" / "birds")
    assert folder == tmp_path / "new" / "birds"
    assert_complete(folder)
    shown = capsys.readouterr()
    assert "tiny: 0 MB; CC0" in shown.out
    assert "100%" in shown.out
    assert shown.err == ""

    assert data.fetch("tiny", folder) == folder
    assert len(served.asked) == 1, "what is there needn't be downloaded again"


def test_it_goes_into_the_data_folder_unless_told_otherwise(publish, tmp_path, monkeypatch):
    publish(Served(ARCHIVE))
    monkeypatch.setattr(photo_sets, "PROJECT", tmp_path)
    assert data.fetch("tiny") == tmp_path / "data" / "tiny"


def test_an_empty_folder_is_filled(publish, tmp_path):
    publish(Served(ARCHIVE))
    (tmp_path / "birds").mkdir()
    assert_complete(data.fetch("tiny", tmp_path / "birds"))


def test_a_download_that_breaks_off_goes_on_where_it_stopped(publish, tmp_path):
    served = publish(Served(ARCHIVE, breaks=[CHUNK, 3 * CHUNK + 5]))
    assert_complete(data.fetch("tiny", tmp_path / "birds"))
    assert served.asked == ["bytes=0-", f"bytes={CHUNK}-", f"bytes={3 * CHUNK}-"]


def test_many_breaks_do_no_harm_as_long_as_each_try_brings_something(publish, tmp_path):
    breaks = [number * CHUNK for number in range(1, 3 + photo_sets.TRIES)]
    served = publish(Served(ARCHIVE, breaks=breaks))
    assert_complete(data.fetch("tiny", tmp_path / "birds"))
    assert served.breaks == []


def test_a_server_that_cannot_start_in_the_middle_starts_again(publish, tmp_path):
    served = publish(Served(ARCHIVE, ranges=False, breaks=[CHUNK]))
    assert_complete(data.fetch("tiny", tmp_path / "birds"))
    assert len(served.asked) == 2


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_always_breaks_off_is_given_up_and_resumed_later(publish, tmp_path, ranges):
    served = publish(Served(ARCHIVE, ranges=ranges, always_breaks_at=CHUNK))
    with pytest.raises(CourseError, match="broke off after 0 MB of 0 MB") as failure:
        data.fetch("tiny", tmp_path / "birds")
    assert "run the same line again" in str(failure.value)
    assert len(served.asked) == photo_sets.TRIES
    assert contents(tmp_path) == {"tiny.tgz.part": ARCHIVE[:CHUNK]}

    served = publish(Served(ARCHIVE, ranges=ranges))
    assert_complete(data.fetch("tiny", tmp_path / "birds"))
    assert served.asked == [f"bytes={CHUNK}-"]


def test_wrong_bytes_are_deleted_and_never_unpacked(publish, tmp_path):
    wrong = archive_of(("tiny/Finch/1.jpg", b"not the published photograph"))
    wrong += bytes(len(ARCHIVE) - len(wrong))
    publish(Served(wrong))
    with pytest.raises(CourseError, match="not the published ones") as failure:
        data.fetch("tiny", tmp_path / "birds")
    for content in (ARCHIVE, wrong):
        assert hashlib.sha256(content).hexdigest() in str(failure.value)
    assert contents(tmp_path) == {}
    assert not (tmp_path / "birds").exists()


@pytest.mark.parametrize("stale", [b"of another file", bytes(len(ARCHIVE) + 5)])
def test_a_beginning_of_another_file_does_not_block_for_ever(publish, tmp_path, stale):
    publish(Served(ARCHIVE))
    (tmp_path / "tiny.tgz.part").write_bytes(stale)
    with pytest.raises(CourseError, match="not the published ones"):
        data.fetch("tiny", tmp_path / "birds")
    assert_complete(data.fetch("tiny", tmp_path / "birds"))


def test_a_beginning_that_is_longer_than_the_file_is_dropped(publish, tmp_path):
    """The server says that it has nothing there (416)."""
    shorter = ARCHIVE[:-500]
    publish(Served(shorter))
    (tmp_path / "tiny.tgz.part").write_bytes(ARCHIVE[:-200])
    with pytest.raises(CourseError, match="not the published ones"):
        data.fetch("tiny", tmp_path / "birds")
    assert contents(tmp_path) == {}


def test_a_file_that_the_server_does_not_have(publish, tmp_path):
    publish(Served(ARCHIVE), path="/moved.tgz")
    with pytest.raises(CourseError, match=r"127\.0\.0\.1 refused .*404"):
        data.fetch("tiny", tmp_path / "birds")
    assert contents(tmp_path) == {}


def test_without_a_network_the_manual_route_is_told_and_works(publish, server, tmp_path):
    publish(Served(ARCHIVE))
    url = photo_sets.PUBLIC_SETS["tiny"].url
    server.shutdown()
    server.server_close()
    with pytest.raises(CourseError, match=r"There is no connection to 127\.0\.0\.1") as failure:
        data.fetch("tiny", tmp_path / "birds")
    assert f"download {url} with a browser" in str(failure.value)
    by_hand = tmp_path / "tiny.tgz"
    assert f"save it as {by_hand.as_posix()}" in str(failure.value)
    assert "\n" not in str(failure.value)

    by_hand.write_bytes(ARCHIVE)
    (tmp_path / "tiny.tgz.part").write_bytes(ARCHIVE[:10])
    assert_complete(data.fetch("tiny", tmp_path / "birds"))


EVIL = {
    "up": [("../evil.txt", b"evil")],
    "up from inside": [("tiny/../../evil.txt", b"evil")],
    "absolute": [("/{outside}/evil.txt", b"evil")],
    "absolute on Windows": [(r"C:\evil.txt", b"evil")],
    "up on Windows": [(r"tiny\..\..\evil.txt", b"evil")],
    "symbolic link": [
        ("tiny/out", tarfile.SYMTYPE, "{outside}"),
        ("tiny/out/evil.txt", b"evil"),
    ],
    "symbolic link up": [("tiny/out", tarfile.SYMTYPE, ".."), ("tiny/out/evil.txt", b"evil")],
    "hard link": [("tiny/out.txt", tarfile.LNKTYPE, "{outside}/secret.txt")],
    "pipe": [("tiny/pipe", tarfile.FIFOTYPE, "")],
    "device": [("tiny/device", tarfile.CHRTYPE, "")],
}


@pytest.mark.parametrize("kind", EVIL)
def test_an_archive_that_points_outside_writes_nothing(publish, tmp_path, kind):
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "secret.txt").write_text("secret")
    fill = {"outside": str(outside)}
    members = [
        (name.format(**fill), content, *(target.format(**fill) for target in targets))
        for name, content, *targets in EVIL[kind]
    ]
    evil = archive_of(*MEMBERS, *members, ("tiny/Owl/2.jpg", b"after it"))
    publish(Served(evil), published=evil)
    with pytest.raises(CourseError, match="could write outside its folder"):
        data.fetch("tiny", inside / "birds")
    assert contents(outside) == {"secret.txt": b"secret"}
    assert contents(inside) == {"tiny.tgz": evil}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inside", "outside"]
    assert [path.name for path in inside.iterdir()] == ["tiny.tgz"], "nothing half unpacked"


def test_a_folder_with_something_else_is_left_alone(publish, tmp_path):
    served = publish(Served(ARCHIVE))
    (tmp_path / "birds" / "my photographs").mkdir(parents=True)
    with pytest.raises(CourseError, match="holds something other than tiny"):
        data.fetch("tiny", tmp_path / "birds")
    assert served.asked == []


def test_a_place_that_cannot_be_written_to(publish, tmp_path):
    publish(Served(ARCHIVE))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CourseError, match="can't be saved in"):
        data.fetch("tiny", tmp_path / "file" / "birds")


def test_an_unknown_name():
    with pytest.raises(CourseError, match="choose one of tf_flowers, cub_200_2011"):
        data.fetch("cifar")


@pytest.mark.parametrize("name", ["tf_flowers", "cub_200_2011"])
def test_the_public_sets_are_well_described(name):
    public_set = photo_sets.PUBLIC_SETS[name]
    assert public_set.url.startswith("https://")
    assert re.fullmatch("sha256:[0-9a-f]{64}", public_set.checksum)
