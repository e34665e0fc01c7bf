"""Write text from files, tables and data frames so that a page shows them as they are."""

import re
from html import escape


def literal(text):
    """Write text from a file, such as what it says of its source, so that MyST finds no markup or address in it."""
    return re.sub(r"([\\`*_{}\[\]<>$&|~]|(?<=\S)[.:@](?=\S))", r"\\\1", " ".join(text.split()))


def html(frame, title, name):
    """Write a data frame as a table of a page."""
    styled = frame.style.set_uuid(name).hide(axis="index").format(precision=1, na_rep="–", escape="html")
    styled = styled.format_index(escape="html", axis="columns").set_caption(escape(title))
    text = re.sub(r"<style.*?</style>\s*", "", styled.set_table_attributes('class="table"').to_html(), flags=re.S)
    text = re.sub(r"\n\s*\n", "\n", text)  # for MyST, an empty line ends it
    label = escape(title.split(":")[0])
    return f'<div class="wide-table" tabindex="0" role="region" aria-label="{label}">\n{text}</div>\n'


def markdown(columns, rows):
    """Write a table in Markdown."""
    lines = [columns, [":---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"
