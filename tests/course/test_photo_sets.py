"""Public sets of photographs: fetched from a server of the test's own, and what may go wrong."""

import hashlib
import io
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from resnext_course import photo_sets
from resnext_helpers.settings import CourseError

PHOTOS = {"Finch/1.jpg": b"a finch", "Finch/2.jpg": b"another", "Owl/1.jpg": b"an owl"}
FILES = {"LICENSE.txt": b"made up", **PHOTOS}


def archive_of(members):
    """A compressed tar file: a name's value is its content, or where a link leads."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname, content = tarfile.SYMTYPE, content, b""
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


ARCHIVE = archive_of(
    {f"tiny/{name}": content for name, content in FILES.items()} | {"elsewhere/notes.txt": b"no"}
)


class Handler(SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        if self.server.content is None:
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        self.wfile.write(self.server.content[: self.server.breaks_off_at])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    """Serves ``content`` as the public set "tiny", whose right bytes are ARCHIVE."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.content, server.breaks_off_at, server.asked = ARCHIVE, None, []
        tiny = photo_sets.PublicSet(
            url=f"http://127.0.0.1:{server.server_port}/tiny.tgz",
            checksum=f"sha256:{hashlib.sha256(ARCHIVE).hexdigest()}",
            size=len(ARCHIVE),
            licence="CC0",
            inside="tiny",
            classes=2,
        )
        monkeypatch.setitem(photo_sets.PUBLIC_SETS, "tiny", tiny)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server
        server.shutdown()


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_set_is_fetched_once_into_the_data_folder(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(photo_sets, "PROJECT", tmp_path)
    folder = photo_sets.fetch("tiny")
    assert folder == tmp_path / "data" / "tiny"
    assert contents(tmp_path) == {f"data/tiny/{name}": content for name, content in FILES.items()}
    shown = capsys.readouterr()
    assert "tiny: 0 MB; CC0" in shown.out and "100%" in shown.out
    assert shown.err == ""
    assert photo_sets.fetch("tiny") == folder
    assert len(server.asked) == 1


def test_two_processes_at_once_do_not_mix(server, tmp_path):
    with ThreadPoolExecutor() as pool:
        for fetched in [pool.submit(photo_sets.fetch, "tiny", tmp_path / "birds") for _ in "123"]:
            assert fetched.result(timeout=60) == tmp_path / "birds"
    assert contents(tmp_path / "birds") == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["birds"]


def broken_off(server):
    server.breaks_off_at = len(ARCHIVE) // 2


def refused(server):
    server.content = None


def gone(server):
    server.shutdown()
    server.server_close()


def other_bytes(server):
    server.content = archive_of({"tiny/Owl/1.jpg": b"not the published photograph"})


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (broken_off, "your connection"),
        (refused, "HTTPError"),
        (gone, "with a browser"),
        (other_bytes, "not the published ones"),
    ],
)
def test_a_download_that_fails_leaves_nothing(server, tmp_path, fault, words):
    fault(server)
    with pytest.raises(CourseError, match=words) as failure:
        photo_sets.fetch("tiny", tmp_path / "birds")
    assert "run the same line again" in str(failure.value) and "\n" not in str(failure.value)
    assert list(tmp_path.iterdir()) == []


def test_an_archive_that_was_saved_by_hand_is_used(server, tmp_path):
    (tmp_path / "tiny.tgz").write_bytes(ARCHIVE)
    assert contents(photo_sets.fetch("tiny", tmp_path / "birds")) == FILES
    assert server.asked == [] and not (tmp_path / "tiny.tgz").exists()


@pytest.mark.parametrize("evil", [{"../evil.txt": b"evil"}, {"tiny/out": "../.."}])
def test_an_archive_that_points_outside_is_not_unpacked(server, tmp_path, monkeypatch, evil):
    server.content = archive_of({"tiny/Owl/1.jpg": b"an owl", **evil})
    checksum = f"sha256:{hashlib.sha256(server.content).hexdigest()}"
    tiny = replace(photo_sets.PUBLIC_SETS["tiny"], checksum=checksum)
    monkeypatch.setitem(photo_sets.PUBLIC_SETS, "tiny", tiny)
    with pytest.raises(CourseError, match="Outside"):
        photo_sets.fetch("tiny", tmp_path / "inside" / "birds")
    assert contents(tmp_path).keys() == {"inside/tiny.tgz"}


def test_what_lies_there_is_left_alone(server, tmp_path):
    (tmp_path / "birds" / "my photographs").mkdir(parents=True)
    with pytest.raises(CourseError, match="holds something other than tiny"):
        photo_sets.fetch("tiny", tmp_path / "birds")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CourseError, match="can't be fetched"):
        photo_sets.fetch("tiny", tmp_path / "file" / "birds")
    assert server.asked == []


def test_an_unknown_name():
    with pytest.raises(CourseError, match="choose one of tf_flowers, cub_200_2011"):
        photo_sets.fetch("cifar")
