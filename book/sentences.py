"""Write what the runs that lie here say of the paper's sentences, for the page `paper-and-ours`."""

import claims
import class_claims
import pandas as pd
import tables
from evidence import ENOUGH, UNSAID, Evidence, Unsaid, n_wells, told
from markup import html, literal

#: Where there is no run at all.
NOTHING = "No results lie here: run chapters 02 to 05."


def made(runs):
    """Write what every run says of each of the paper's sentences: dict from a file's name to its text.

    Of each sentence a list with a line a run; one table of all verdicts; and of each run, how the errors of its rows
    rise from `test1`.
    """
    weighed, lines, written, rising = [(run, Evidence(run)) for run in runs], [], {}, []
    for section, claim in ((s, claim) for of in (claims.CLAIMS, class_claims.CLAIMS) for s in of for claim in of[s]):
        verdicts = [verdict(claim, evidence) for _, evidence in weighed]
        said = [
            f"- **{word.capitalize()}** ({literal(tables.title(run.about))}). {literal(figures)}"
            for (run, _), (word, figures) in zip(weighed, verdicts, strict=True)
        ]
        written[f"sentence-{claim.__name__}.md"] = "\n".join(said or [NOTHING])
        named = {f"run {n}": word for n, (word, _) in enumerate(verdicts, 1)}
        lines.append({"section": section, "sentence, in short": claim.__doc__, **named})
    listed = [f"{n}. {literal(f'{tables.made_by(run)} {wells(e)}')}" for n, (run, e) in enumerate(weighed, 1)]
    written["sentences-runs.md"] = "\n".join(listed or [NOTHING])
    title = "Whether the paper's sentences hold on the runs that lie here"
    written["sentences.md"] = html(pd.DataFrame(lines), title, "verdicts")
    for n, (run, evidence) in enumerate(weighed, 1):
        title = f"Rise of the balanced error from test1: {tables.title(run.about)}. Points, 95 % intervals over wells."
        try:
            rises = claims.rises(evidence)
        except Unsaid:
            continue
        frame = pd.DataFrame({"row": evidence.titles, "test1 (%)": [told(one) for one in evidence.errors("test1")]})
        for split, rise in rises.items():
            frame[f"to {split}"] = [told(one, claims.POINTS) for one in rise]
        rising.append(html(frame, title, f"rises{n}"))
    written["sentences-rises.md"] = "\n".join(rising) or "No run here has test1, test3 and test4.\n"
    return written


def verdict(claim, evidence):
    """Say whether one of the paper's sentences holds, and by which figures."""
    try:
        return claim(evidence)
    except Unsaid as reason:
        return UNSAID, str(reason)


def wells(evidence):
    """Say on how many trainings and wells the numbers of a run rest."""
    found, most = evidence.found, max(len(trainings) for trainings in evidence.found.draws)
    least = {
        s: min(n_wells(found.table[0][s], k) for k in evidence.classes) for s in evidence.tests if evidence.classes
    }
    named = ", ".join(f"{split} {count or 'unknown'}" for split, count in least.items())
    networks = f"Up to {most} trainings of a network. " if most > 1 else ""
    of = f"Wells of the class with the fewest: {named or 'no test set'}"
    return f"{networks}{of}; with fewer than {ENOUGH}, no interval."
