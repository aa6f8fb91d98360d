"""README.md, INSTRUCTORS.md and GLOSSARY.md repeat what the notebooks say.

``python -m tools.gather`` writes the minutes, the plans and the terms anew, and prints how large
each notebook is.
"""

import re

import nbformat

from resnext_course.publishing import notebook_runner
from resnext_helpers.settings import PROJECT
from tools.sections import TIME, core, further, minutes, sections, slides, words

BREAK_AFTER, BREAK = "03", 15  # minutes, in the class of three hours


def read():
    """The six notebooks by name."""
    return {path.stem: nbformat.read(path, 4) for path in notebook_runner.find()}


def rows(text):
    """The rows of a table, without its head."""
    return [row for row in text.splitlines() if row.startswith("| ")][2:]


def table(head, body):
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def glossary(notebooks):
    """A row for each term, of the first notebook that has it."""
    found = {}
    for name, notebook in notebooks.items():
        for row in rows(next(cell.source for cell in notebook.cells if cell.id == "glossary")):
            english, chinese, meaning = row.strip("| ").split(" | ")
            found.setdefault(english, (english, chinese, meaning, link(name)))
    body = [found[english] for english in sorted(found, key=str.lower)]
    return table(("English", "中文", "meaning", "notebook"), body)


def three_hours(notebooks):
    """The cores before their exercises, with the clock; each section with its minutes."""
    body, now = [], 0
    for name, notebook in notebooks.items():
        before = {cell.id for cell in core(notebook)}
        chosen = [one for one in sections(notebook) if one.cells[0].id in before]
        listed = " · ".join(f"{one.heading} ({one.minutes})" for one in chosen)
        body.append((clock(now), link(name), minutes(notebook)[0], listed))
        now += minutes(notebook)[0]
        if name.startswith(BREAK_AFTER):
            body.append((clock(now), "", BREAK, "a break"))
            now += BREAK
    return table(("from", "notebook", "minutes", "sections"), [*body, (clock(now), "", "", "end")])


def six_classes(notebooks):
    """The whole cores; what goes further is for a second class, or for home."""
    body = []
    for name, notebook in notebooks.items():
        before, whole, more = minutes(notebook)
        body.append((link(name), before, whole - before, whole, more))
    head = ("notebook", "before the exercises", "exercises and recap", "the class", "*Go further*")
    return table(head, body)


def link(name):
    return f"[{name[:2]}](notebooks/{name}.ipynb)"


def clock(minute):
    return f"{minute // 60}:{minute % 60:02}"


def written(notebooks):
    """The three files as they should be: path → text."""
    texts = {name: (PROJECT / name).read_text("utf-8") for name in ("README.md", "INSTRUCTORS.md")}
    for name, notebook in notebooks.items():
        if said := TIME.search(notebook.cells[0].source):
            row = rf"(?m)^(.*\(notebooks/{name}\.ipynb\) \|.*\| )[^|]+ \|$"
            texts["README.md"] = re.sub(row, rf"\g<1>{said[1]} + {said[2]} |", texts["README.md"])
    for part in (three_hours, six_classes):
        mark = rf"(<!-- {part.__name__} -->\n).*?(\n<!-- end -->)"
        new = part(notebooks)
        texts["INSTRUCTORS.md"] = re.sub(
            mark,
            lambda found, new=new: found[1] + new + found[2],
            texts["INSTRUCTORS.md"],
            flags=re.S,
        )
    text = (PROJECT / "GLOSSARY.md").read_text("utf-8")
    texts["GLOSSARY.md"] = text.partition("\n| ")[0] + "\n" + glossary(notebooks) + "\n"
    return texts


def sizes(notebooks):
    """How large each notebook is, in lines of text."""
    for name, notebook in notebooks.items():
        fullest = max(slides(notebook), key=words)
        before, whole, more = minutes(notebook)
        yield f"{name}: {before} minutes before the exercises, {whole} the core, {more} further"
        for part, cells in (("core", core(notebook)), ("further", further(notebook))):
            code = sum(cell.cell_type == "code" for cell in cells)
            yield f"  {part}: {len(cells)} cells ({code} of code), {words(cells):,} words"
        yield f"  {len(slides(notebook))} slides; {fullest[0].id} has {words(fullest)} words"
        for one in sections(notebook):
            yield f"  {one.minutes:>4} min {words(one.cells):>5} words  {one.heading}"


def main():
    notebooks = read()
    for name, text in written(notebooks).items():
        (PROJECT / name).write_text(text, encoding="utf-8", newline="\n")
    print("\n".join(sizes(notebooks)))


if __name__ == "__main__":
    main()
