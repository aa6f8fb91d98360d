"""Tables in Markdown, for the pages of results."""


def table(header, rows):
    """A table; header and rows are sequences of texts."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
