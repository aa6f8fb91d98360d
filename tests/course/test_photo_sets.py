"""Public sets of photographs: fetched from a server of the test's own, and what may go wrong."""

import hashlib
import io
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from resnext_course import photo_sets
from resnext_helpers.settings import CourseError

FILES = {"LICENSE.txt": b"made up", "Finch/1.jpg": b"a finch", "Owl/1.jpg": b"an owl"}


def archive_of(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


ARCHIVE = archive_of({f"tiny/{name}": FILES[name] for name in FILES} | {"other/a.txt": b"no"})


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked += 1
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(ARCHIVE)))
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    """Serves ``content`` as the public set "tiny", whose right bytes are ARCHIVE."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.content, server.status, server.asked = ARCHIVE, 200, 0
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        checksum = f"sha256:{hashlib.sha256(ARCHIVE).hexdigest()}"
        url = f"http://127.0.0.1:{server.server_port}/tiny.tgz"
        tiny = photo_sets.PublicSet(url, checksum, "CC0", inside="tiny", classes=2)
        monkeypatch.setitem(photo_sets.PUBLIC_SETS, "tiny", tiny)
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server
        server.shutdown()


def contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_set_is_fetched_once_into_the_data_folder(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(photo_sets, "PROJECT", tmp_path)
    folder = photo_sets.fetch("tiny")
    assert contents(tmp_path) == {f"data/tiny/{name}": FILES[name] for name in FILES}
    assert "tiny: CC0" in capsys.readouterr().out
    assert photo_sets.fetch("tiny") == folder == tmp_path / "data" / "tiny"
    assert server.asked == 1


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (ARCHIVE[:-20], 200, "your connection"),
        (ARCHIVE, 404, "HTTPError"),
        (bytes(len(ARCHIVE)), 200, "not the published ones"),
        (None, 0, "with a browser"),
    ],
    ids=["broken off", "refused", "other bytes", "no server"],
)
def test_a_download_that_fails_leaves_nothing(server, tmp_path, content, status, words):
    server.content, server.status = content, status
    if content is None:
        server.shutdown()
        server.server_close()
    with pytest.raises(CourseError, match=words) as failure:
        photo_sets.fetch("tiny", tmp_path / "birds")
    assert "\n" not in str(failure.value)
    assert list(tmp_path.iterdir()) == []


def test_an_archive_that_was_saved_by_hand_is_used(server, tmp_path):
    (tmp_path / "tiny.tgz").write_bytes(ARCHIVE)
    assert contents(photo_sets.fetch("tiny", tmp_path / "birds")) == FILES
    assert server.asked == 0 and not (tmp_path / "tiny.tgz").exists()


def test_an_archive_that_points_outside_is_not_unpacked(server, tmp_path, monkeypatch):
    evil = archive_of({"tiny/Owl/1.jpg": b"an owl", "../../evil.txt": b"evil"})
    checksum = f"sha256:{hashlib.sha256(evil).hexdigest()}"
    tiny = photo_sets.PUBLIC_SETS["tiny"]._replace(checksum=checksum)
    monkeypatch.setitem(photo_sets.PUBLIC_SETS, "tiny", tiny)
    (tmp_path / "tiny.tgz").write_bytes(evil)
    with pytest.raises(CourseError, match="Outside"):
        photo_sets.fetch("tiny", tmp_path / "birds")
    assert contents(tmp_path).keys() == {"tiny.tgz"}


def test_what_lies_there_is_left_alone(server, tmp_path):
    (tmp_path / "birds" / "my photographs").mkdir(parents=True)
    with pytest.raises(CourseError, match="holds something other than tiny"):
        photo_sets.fetch("tiny", tmp_path / "birds")
    assert server.asked == 0


def test_an_unknown_name():
    with pytest.raises(CourseError, match="choose one of tf_flowers, cub_200_2011"):
        photo_sets.fetch("cifar")
