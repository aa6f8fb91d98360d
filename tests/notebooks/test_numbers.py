"""A large number in a notebook's prose is one that the notebook computes or prints."""

import re

import nbformat
import pytest

from resnext_course.publishing.notebook_runner import find

NUMBER = re.compile(r"(?<![\d,.])\d{1,3}(?:,\d{3})+(?![\d,])")
NOT_PRINTED = {
    "70,000": "what the paper's Table 2 holds constant, rounded",
    "2,048": "channels behind the last stage, the paper's Table 1",
    "4,096": "64 × 64",
}


def numbers_without_source(notebook):
    """Numbers with thousands separators in texts and speaker notes that no code cell shows."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = [cell.source for cell in code]
    for output in (output for cell in code for output in cell.outputs):
        shown += [output.get("text", ""), *output.get("traceback", [])]
        data = output.get("data", {})
        shown += [str(text) for kind, text in data.items() if not kind.startswith("image/")]
        shown += [one.get("alt", "") for one in output.get("metadata", {}).values() if one]
    known = set(re.findall(r"\d+", re.sub(r"(?<=\d)[,_](?=\d{3})", "", "\n".join(shown))))
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    prose += [cell.metadata.get("course", {}).get("notes", "") for cell in notebook.cells]
    found = set(NUMBER.findall("\n".join(prose)))
    return {number for number in found - set(NOT_PRINTED) if number.replace(",", "") not in known}


@pytest.mark.parametrize("path", find(), ids=lambda path: path.stem)
def test_every_large_number_has_a_source(path):
    assert numbers_without_source(nbformat.read(path, 4)) == set()


def test_a_wrong_digit_is_found():
    cells = [nbformat.v4.new_markdown_cell("It has 71,144 weights, not 70,144 nor 1_000.")]
    cells.append(nbformat.v4.new_code_cell("1", outputs=[nbformat.v4.new_output("stream")]))
    cells[1].outputs[0].text = "70,144"
    assert numbers_without_source(nbformat.v4.new_notebook(cells=cells)) == {"71,144"}
