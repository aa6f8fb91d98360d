"""The course's settings, and how the environment chooses them."""

import re
from pathlib import Path

import pytest

from resnext_helpers import settings
from resnext_helpers.settings import PROJECT, CourseError, display_path

NAMES = ("RESNEXT_PROFILE", "RESNEXT_DATA", "RESNEXT_RUNS", "RESNEXT_EPOCHS")


@pytest.fixture(autouse=True)
def no_choices(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def test_the_full_profile_is_the_articles_experiment(monkeypatch):
    monkeypatch.setenv("RESNEXT_PROFILE", "full")
    config = settings.load()
    article = {"image_size": 224, "batch_size": 8, "epochs": 10, "learning_rate": 1e-4}
    article |= {"seed": 123, "validation_fraction": 0.2}
    assert {name: getattr(config, name) for name in article} == article


def test_the_sample_profile_is_the_default_and_an_empty_variable_counts_as_unset(monkeypatch):
    assert settings.load() == settings.PROFILES["sample"]
    for name in NAMES:
        monkeypatch.setenv(name, "")
    assert settings.load() == settings.PROFILES["sample"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("RESNEXT_PROFILE", "large", "'large'.*sample or full"),
        ("RESNEXT_DATA", "~nobody-of-that-name/birds", "~nobody-of-that-name/birds"),
        ("RESNEXT_EPOCH", "2", "no setting RESNEXT_EPOCH: use .*RESNEXT_EPOCHS"),
        *(("RESNEXT_EPOCHS", n, "EPOCHS") for n in ("0", "-1", "two", "1.5", "1e3", "9" * 30)),
    ],
)
def test_what_cannot_be_chosen_is_refused(monkeypatch, name, value, said):
    monkeypatch.setenv("RESNEXT_EPOCHS", "2")
    assert settings.load().epochs == 2
    monkeypatch.setenv(name, value)
    with pytest.raises(CourseError, match=said):
        settings.load()


def test_a_relative_folder_starts_at_the_project_and_others_are_kept(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RESNEXT_DATA", "../birds")
    monkeypatch.setenv("RESNEXT_RUNS", "my runs")
    config = settings.load()
    assert config.data_dir.resolve() == (PROJECT.parent / "birds").resolve()
    assert config.runs_dir == PROJECT / "my runs"
    for given, folder in ((tmp_path, tmp_path), ("~/birds", Path.home() / "birds")):
        monkeypatch.setenv("RESNEXT_DATA", str(given))
        assert settings.load().data_dir == folder


def test_one_folder_has_one_run_however_it_is_written(monkeypatch, tmp_path):
    (tmp_path / "y").mkdir()
    (tmp_path / "birds").mkdir()
    ways = [tmp_path / "birds", tmp_path / "y" / ".." / "birds", f"{tmp_path}//birds/./"]
    folders = {settings.load().run_dir(Path(way)) for way in ways}
    monkeypatch.chdir(tmp_path / "y")
    folders.add(settings.load().run_dir(settings.named_folder("../birds", Path.cwd())))
    for way in ways:
        monkeypatch.setenv("RESNEXT_DATA", str(way))
        config = settings.load()
        folders.add(config.run_dir(config.data_dir))
    assert len(folders) == 1


def test_another_data_set_or_profile_gets_another_run_folder(monkeypatch):
    sample = settings.load()
    full = settings.PROFILES["full"]
    folders = {
        config.run_dir(Path(data))
        for config in (sample, full)
        for data in ("a/owls", "b/gulls", "b/owls")
    }
    assert len(folders) == 6
    assert {folder.parent for folder in folders} == {sample.runs_dir}


def test_what_a_notebook_shows_is_the_same_on_every_machine(monkeypatch, tmp_path):
    before = settings.load()
    monkeypatch.setenv("RESNEXT_DATA", str(tmp_path))
    monkeypatch.setenv("RESNEXT_RUNS", str(tmp_path))
    after = settings.load()
    assert repr(before) == repr(after)
    assert before._repr_markdown_() == after._repr_markdown_()
    for shown in (repr(before), before._repr_markdown_()):
        assert str(PROJECT) not in shown
        for name in ("profile", "image_size", "epochs", "learning_rate", "seed"):
            assert re.search(rf"{name}\W+{getattr(before, name)}\b", shown)


def test_a_path_is_shown_from_the_project(tmp_path):
    assert display_path(PROJECT / "data" / "sample_birds") == "data/sample_birds"
    assert display_path(PROJECT / "notebooks" / ".." / "data") == "data"
    assert display_path(tmp_path) == tmp_path.resolve().as_posix()
