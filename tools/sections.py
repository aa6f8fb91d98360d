"""A notebook's parts: sections and their minutes, slides, and how much there is to read."""

import re
from typing import NamedTuple

FURTHER = "Go further: "
TIME = re.compile(
    r"\*\*Time\*\* (\d+) minutes for the core, in class or alone\. "
    r"\*Go further\*, at the end: (\d+) minutes\. "
)
NOT_PROSE = re.compile(
    r"```.*?```"  # code
    r"|!\[.*?\]\(.*?\)|<[^>]+>"  # pictures and tags
    r"|(?<=\])\(.*?\)",  # the address of a link
    re.DOTALL,
)
FORMULA = re.compile(r"\$\$.+?\$\$|\$[^$\n]+\$|`[^`]+`", re.DOTALL)


class Section(NamedTuple):
    """What stands from one ``## `` heading to the next; its first cell has the minutes."""

    heading: str
    cells: list

    @property
    def course(self):
        return self.cells[0].metadata.get("course", {})

    @property
    def minutes(self):
        return self.course.get("minutes", 0)

    @property
    def is_further(self):
        return self.heading.startswith(FURTHER)


def sections(notebook):
    """The sections in their order; what stands before the first heading is in none."""
    found = []
    for cell in notebook.cells:
        heading = re.search(r"^## (.+)$", cell.source, re.MULTILINE)
        if cell.cell_type == "markdown" and heading:
            found.append(Section(heading[1].strip(), []))
        if found:
            found[-1].cells.append(cell)
    return found


def core(notebook):
    """The cells before the exercises."""
    ids = [cell.id for cell in notebook.cells]
    return notebook.cells[: ids.index("exercises")] if "exercises" in ids else notebook.cells


def further(notebook):
    """The cells behind the references."""
    ids = [cell.id for cell in notebook.cells]
    return notebook.cells[ids.index("references") + 1 :] if "references" in ids else []


def minutes(notebook):
    """Minutes of the core before the exercises, of the whole core, and of what goes further."""
    found = sections(notebook)
    before = {cell.id for cell in core(notebook)}
    return (
        sum(one.minutes for one in found if one.cells[0].id in before),
        sum(one.minutes for one in found if not one.is_further),
        sum(one.minutes for one in found if one.is_further),
    )


def words(cells):
    """How many words there are to read in markdown cells; a formula or a name in code is one."""
    prose = " \n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    prose = FORMULA.sub(" x ", NOT_PROSE.sub(" ", prose))
    return len([word for word in prose.split() if re.search(r"\w", word)])


def slides(notebook):
    """The slides, each a list of its cells; what is skipped or only noted is on none."""
    found = []
    for cell in notebook.cells:
        kind = cell.metadata.get("slideshow", {}).get("slide_type", "-")
        if kind in ("slide", "subslide") or not found:
            found.append([])
        if kind not in ("skip", "notes"):
            found[-1].append(cell)
    return [slide for slide in found if slide]
