"""Tell a student whether an answer holds, and if it does not, what is wrong with it."""

import re

import numpy as np


def answer(name, value, *tests):
    """Check the answer to an exercise and print `Right.`, or the first thing that is wrong and what was found.

    Parameters
    ----------
    name : of the answer, as the student wrote it.
    value : the answer; ``...`` where none was given yet, None where the data in hand do not allow the question.
    tests : pairs of a function and a sentence. The function takes the value and gives True where it holds. The
        sentence says what was expected. Later tests may rely on earlier ones.
    """
    if value is ...:
        print(f"Nothing to check yet: write your answer into `{name}` in the cell above, and run both again.")
        return
    if value is None:
        print(f"Nothing to check: `{name}` holds no answer, which is right only where the exercise says that data may")
        print("have none. If these have one: does your function return something?")
        return
    for holds, expected in tests:
        try:
            wrong = "" if np.all(holds(value)) else "."
        except Exception as error:  # an answer of another kind: whatever it breaks, the sentence is the help
            wrong = f" ({type(error).__name__}: {error})."
        if wrong:
            print(f"Not yet. Expected: {expected} Found: `{name}` is {_spell(value)}{wrong}")
            return
    print(f"Right. `{name}` is {_spell(value)}.")


def _spell(value):
    """Say in a few words what a value is."""
    if isinstance(value, np.ndarray) and value.size > 8:
        return f"an array of shape {value.shape} and type {value.dtype}"
    if hasattr(value, "columns"):
        return f"a table of {len(value)} rows with the columns {', '.join(map(str, value.columns))}"
    with np.printoptions(legacy="1.25"):  # numbers without the names of their types
        text = re.sub(r"\d+\.\d+", lambda number: f"{float(number[0]):.4g}", " ".join(str(value).split()))
    return text if len(text) <= 80 else f"{text[:76]} ..., of type {type(value).__name__}"
