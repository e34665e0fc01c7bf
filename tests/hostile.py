"""What a file may say of itself that is markup somewhere: in MyST, HTML, a terminal, matplotlib or JSON."""

#: Of a source: what each would do if it were not text.
SOURCES = {
    "a role": "{cite}`nobody` and {math}`x",
    "a script": "<script>alert(1)</script><!-- <script>",
    "a link": "[a](javascript:x) ![b](c.png) <http://x.y> www.x.org a@b.org",
    "a formula": r"$\frac$ $$x$$ $",
    "a table": "| a | b | \\| c |",
    "emphasis": "**b** _i_ `code` ~~s~~ &lt; \\*",
    "a substitution": "{{ x }} {% x %}",
    "a directive": "a\n\n:::{note}\nb\n:::\n\n# c\n\n```{include} /etc/passwd\n```\n",
    "a comment": "% a\n(b)=\n+++\n---\n",
    "control characters": "a\tb\x00c\x1b[31md\x07e\x9b2Jf\u202eg\u2028h",
    "half a character": b"caf\xe9".decode("utf-8", "surrogateescape"),
    "other letters": "细胞 🧬 α-tubulin",
    "a thousand words": "long " * 1000,
    "one long word": "l" * 20_000,
}

#: Seven names of classes, all different.
CLASSES = (
    r"$\frac$",
    "<b>ER</b></script><!--<script>",
    "{cite}`x` {{ y }} | z",
    "a\x1b[2J\nb\r",
    "细胞_a^{b",
    "**$x$**",
    "n" * 100,
)
