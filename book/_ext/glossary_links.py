"""Let a chapter link a glossary term in plain Markdown, and have the build check the link.

A chapter writes `[well](../book/glossary.md#term-well)`. MyST knows the headings of a page as places to link to,
not the terms of a glossary, and would warn of each such link. Here the terms are added to the headings.
"""

from sphinx import addnodes


def add_terms(app, doctree):
    """Add the ids of a page's glossary terms to the places that MyST knows on it."""
    terms = [term for glossary in doctree.findall(addnodes.glossary) for term in glossary.findall(condition=is_term)]
    if terms:
        places = app.env.metadata[app.env.docname].setdefault("myst_slugs", {})
        places.update({i: (term.line or 0, i, term.astext()) for term in terms for i in term["ids"]})


def is_term(node):
    """Tell whether a node is a term of a glossary: something that can be linked to."""
    return node.tagname == "term" and bool(node["ids"])


def setup(app):
    app.connect("doctree-read", add_terms, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
