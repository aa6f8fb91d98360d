"""The course's commands; ``python -m resnext_course --help`` lists them."""

import argparse
import sys
from pathlib import Path

from resnext_helpers import import_tensorflow_quietly
from resnext_helpers.settings import (
    MAX_EPOCHS,
    PROFILES,
    PROJECT,
    CourseError,
    display_path,
    named_folder,
)

TRAIN_SETTINGS = {  # of the profile, that `train` can change: from and to, and what each is
    "image_size": (32, 1024, "height and width of a photograph, in pixels"),
    "batch_size": (1, 1024, "photographs in one training step"),
    "epochs": (1, MAX_EPOCHS, "passes over the training photographs"),
    "learning_rate": (1e-9, 10.0, "Adam's peak step size"),
    "patience": (1, MAX_EPOCHS, "epochs without a better result, then it stops; default: never"),
    "seed": (0, 2**31 - 100, "fixes the split, the order and the first weights"),
}

# A command imports what it needs when it runs: --help shows at once.


def run(options: argparse.Namespace) -> None:
    """Execute the six notebooks and write them as a book to build/html."""
    from resnext_course.publishing import notebook_runner

    notebook_runner.run()


def book(options: argparse.Namespace) -> None:
    """Write the book to build/html from the notebooks as they are committed, without executing."""
    from resnext_course.publishing import book, notebook_runner

    print(book.build(notebook_runner.committed(notebook_runner.find())), end="")
    print(f"Book: {display_path(book.FOLDER / 'index.html')}")
    print(f"Links that leave it: {display_path(book.FOLDER.with_name('outside_links.txt'))}")


def notebooks(options: argparse.Namespace) -> None:
    """Execute the committed notebooks in place."""
    from resnext_course.publishing import notebook_runner

    changed = notebook_runner.rewrite(notebook_runner.find(options.names), options.refresh)
    names = ", ".join(path.name for path in changed)
    print(f"Rewritten: {names}." if names else "No notebook changed.")


def lab(options: argparse.Namespace) -> None:
    """Open JupyterLab, for this computer only, on your own copies of the notebooks.

    They have no outputs, lie in my_notebooks, and are never overwritten. Further arguments, such as
    --no-browser or --port 9999, are JupyterLab's.
    """
    from jupyterlab.labapp import main as jupyterlab

    from resnext_course.publishing import copies, notebook_runner

    copies.give(notebook_runner.find(), copies.FOLDER)
    first = copies.FOLDER.relative_to(PROJECT) / f"{notebook_runner.NAMES[0]}.ipynb"
    own = {
        "--ip": "127.0.0.1",
        "--ServerApp.root_dir": PROJECT,
        "--LabApp.default_url": f"/lab/tree/{first.as_posix()}",
    }
    given = {argument.partition("=")[0] for argument in options.further}
    jupyterlab([f"{name}={own[name]}" for name in own if name not in given] + options.further)


def copy(options: argparse.Namespace) -> None:
    """Make a fresh copy of a notebook in my_notebooks, beside yours, and print its path."""
    from resnext_course.publishing import copies, notebook_runner

    for notebook in notebook_runner.find(options.names):
        print(display_path(copies.fresh(notebook, copies.FOLDER)))


def slides(options: argparse.Namespace) -> None:
    """Write the notebooks as slide decks to build/slides, as they are committed."""
    from resnext_course.publishing import notebook_runner, slides

    slides.write(notebook_runner.committed(notebook_runner.find(options.names)))
    print(f"Slides: {display_path(slides.FOLDER)}")


def train(options: argparse.Namespace) -> int:
    """Train ResNeXt-50 without a notebook; a training that was cut off goes on."""
    import_tensorflow_quietly()
    from resnext_course import train

    return train.run(options)


def check_data(options: argparse.Namespace) -> None:
    """Check a folder of photographs and print what was found."""
    from resnext_helpers import photo_folder

    print(photo_folder.check(options.folder, progress=sys.stdout.isatty()).table())


def _between(least, most):
    def number(text):
        value = type(least)(text)
        if not least <= value <= most:  # no comparison with nan holds
            raise argparse.ArgumentTypeError(f"{text}: give a number from {least} to {most}")
        return value

    return number


def _folder(text):
    try:
        return named_folder(text, Path.cwd())
    except CourseError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m resnext_course", description="The ResNeXt course.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(function):
        name = function.__name__.replace("_", "-")
        first, _, more = function.__doc__.partition("\n")
        texts = {"help": first, "description": f"{first} {' '.join(more.split())}"}
        command = commands.add_parser(name, allow_abbrev=False, **texts)
        command.set_defaults(function=function)
        return command

    add(run)
    add(book)
    add(lab)
    command = add(notebooks)
    meaning = "also replace the outputs that differ on each run (times, losses)"
    command.add_argument("--refresh", action="store_true", help=meaning)
    names = {"nargs": "*", "metavar": "NAME", "help": "such as 03; without: all"}
    command.add_argument("names", **names)
    add(copy).add_argument("names", nargs="+", metavar="NAME", help="such as 03")
    add(slides).add_argument("names", **names)
    command = add(train)
    command.add_argument("--run", required=True, metavar="NAME", help="its folder's name in runs/")
    absent = argparse.SUPPRESS  # then the profile's value stays
    folder = {"dest": "data_dir", "type": _folder, "default": absent}
    command.add_argument("--data", **folder, metavar="DIR", help="holds one folder a class")
    command.add_argument("--profile", choices=PROFILES, default="full", help="default: full")
    for name, (least, most, meaning) in TRAIN_SETTINGS.items():
        option, kind = f"--{name.replace('_', '-')}", _between(least, most)
        command.add_argument(option, type=kind, default=absent, metavar="N", help=meaning)
    meaning = "the same result each time, and slower"
    command.add_argument("--deterministic", action="store_true", help=meaning)
    command = add(check_data)
    command.add_argument("folder", type=_folder, metavar="DIR", help="holds one folder a class")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns its exit status: 0 (done), 2 (can't go on), 130 (Ctrl-C)."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a file name may hold what an old terminal can't show
    parser = _parser()
    options, options.further = parser.parse_known_args(arguments)
    if options.further and options.function is not lab:
        parser.error(f"unrecognized arguments: {' '.join(options.further)}")
    try:
        return options.function(options) or 0
    except CourseError as error:
        print(error, file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if error.name.partition(".")[0] == __package__:
            raise
        python = f"This Python ({sys.executable})"
        print(f"{python} has no {error.name}: README.md says how to set it up.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
