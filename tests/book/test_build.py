"""What `make book` executes again, and what it leaves alone; with chapters of a line or two."""

import errno
import os
import threading
import time
from types import SimpleNamespace

import nbformat
import pytest
from book_builder import build
from click.testing import CliRunner

from coos_helpers import runs, store
from coos_helpers.store import code

HEAD = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec: {name: python3, language: python, display_name: Python 3}
%s
---

# A chapter

```{code-cell} ipython3
:tags: [parameters]
DATA = "simulated"  # data
PROFILE = "smoke"  # profile
```

```{code-cell} ipython3
%s
```
"""


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Three chapters, the second of which reads the first; execution is replaced by a note of its name."""
    monkeypatch.setenv("COOS_BUILD", str(tmp_path / "_build"))
    chapters = {
        "01-a": HEAD % ("reads: []", "from coos_helpers.metrics import wells"),
        "02-b": HEAD % ("reads: [01-a]", "from coos_helpers.representations import rescale"),
        "03-c": HEAD % ("reads: []", "from coos_helpers.representations import texture"),
    }
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name, text in chapters.items():
        (folder / f"{name}.md").write_text(text)
    executed, given = [], {}

    def fake(source, target, parameters, **_):
        executed.append(source.split("/")[-1].removesuffix(".ipynb"))
        given[executed[-1]] = parameters
        made = nbformat.read(source, as_version=4)
        nbformat.write(made, target)

    monkeypatch.setattr(build.papermill, "execute_notebook", fake)
    monkeypatch.setattr(build, "ROOT", tmp_path)
    (tmp_path / "constraints.txt").write_text("numpy==2.0.0\n")
    run = runs.Run("simulated", "smoke", runs.PROFILES["smoke"])

    def make(packed=""):
        executed.clear()
        keys = {}
        for name in chapters:
            source = folder / f"{name}.md"
            build.convert(source)
            keys[name] = build.execute(source, run, {}, keys, str(packed))
        return list(executed)

    return SimpleNamespace(make=make, folder=folder, root=tmp_path, run=run, given=given)


def test_nothing_is_executed_twice(world):
    assert world.make() == ["01-a", "02-b", "03-c"]
    assert world.make() == []


def test_an_edited_chapter_is_executed_again_and_so_is_one_that_reads_it(world):
    world.make()
    with open(world.folder / "03-c.md", "a") as file:
        file.write("\nMore text.\n")
    assert world.make() == ["03-c"]
    with open(world.folder / "01-a.md", "a") as file:
        file.write("\nMore text.\n")
    assert world.make() == ["01-a", "02-b"]


def test_an_edit_of_the_package_executes_what_imports_it(world, monkeypatch):
    world.make()
    closure = code.closure

    def edited(modules):
        files = closure(modules)
        if "representations.rescale" in files:
            changed = world.root / "rescale.py"
            changed.write_text("edited = True")
            files["representations.rescale"] = changed
        return files

    monkeypatch.setattr(code, "closure", edited)
    assert world.make() == ["02-b", "03-c"], "texture imports rescale, wells does not"


def test_scikit_learn_intelex_switched_off_executes_everything(world, monkeypatch):
    world.make()
    monkeypatch.setattr(build.classifiers, "ENGINE", "another")
    assert world.make() == ["01-a", "02-b", "03-c"]


def test_another_pinned_version_executes_everything(world):
    world.make()
    (world.root / "constraints.txt").write_text("numpy==2.0.1\n")
    assert world.make() == ["01-a", "02-b", "03-c"]


@pytest.fixture
def packed(world, monkeypatch):
    """Let the second chapter read a pack, and name a file that stands for one: its content is its caption."""
    path = world.folder / "02-b.md"
    path.write_text(path.read_text().replace('"smoke"  # profile', '"smoke"  # profile\nPACK = ""  # pack'))
    monkeypatch.setattr(build.pack, "read", lambda path: SimpleNamespace(caption=open(path).read()))
    packed = world.root / "run.coos"
    packed.write_text("One pack.")
    return packed


def test_a_pack_is_given_to_the_chapters_that_read_one_and_to_no_other(world, packed):
    assert world.make() == ["01-a", "02-b", "03-c"]
    assert all("PACK" not in parameters for parameters in world.given.values())
    assert world.make(packed) == ["02-b"]
    assert world.given["02-b"] == {"DATA": "simulated", "PROFILE": "smoke", "PACK": str(packed)}
    assert world.make(packed) == []
    assert world.make() == ["02-b"], "its results are the run's own again"


def test_a_chapter_that_reads_a_pack_is_executed_again_when_its_content_changes_and_no_other_is(world, packed):
    world.make(packed)
    packed.write_text("Another pack.")
    assert world.make(packed) == ["02-b"]
    moved = packed.rename(world.root / "moved.coos")
    assert world.make(moved) == [], "it is the same pack"


def test_figures_made_from_a_pack_have_its_caption_and_the_others_the_runs(world, packed, monkeypatch):
    said, finish = {}, build.finish

    def note(made, key, caption):
        said[made.cells[-1].id[:4]] = caption
        return finish(made, key, caption)

    monkeypatch.setattr(build, "finish", note)
    world.make(packed)
    data = runs.caption(world.run, {})
    assert said == {"01-a": data, "02-b": "One pack.", "03-c": data}


def test_a_chapter_that_fails_is_named_and_the_finished_ones_are_kept(world, monkeypatch):
    real = build.papermill.execute_notebook

    def fails(source, target, parameters, **kwargs):
        if "02-b" in source:
            raise build.papermill.PapermillExecutionError(1, 1, "boom()", "ValueError", "no such cell", [])
        real(source, target, parameters, **kwargs)

    monkeypatch.setattr(build.papermill, "execute_notebook", fails)
    with pytest.raises(RuntimeError, match="02-b stopped at its code cell 1: ValueError: no such cell"):
        world.make()
    monkeypatch.setattr(build.papermill, "execute_notebook", real)
    assert world.make() == ["02-b", "03-c"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
@pytest.mark.parametrize("where", ["chapter", "notebook"])
def test_a_disk_that_takes_no_more_is_one_message_and_no_half_a_notebook_is_left(world, monkeypatch, number, where):
    said = os.strerror(number)

    def fails(source, target, parameters, **_):
        open(target, "w").write("half")
        if where == "notebook":
            raise OSError(number, said, target)
        raise build.papermill.PapermillExecutionError(1, 1, "", "OSError", f"[Errno {number}] {said}: 'x.npz'", [])

    monkeypatch.setattr(build.papermill, "execute_notebook", fails)
    with pytest.raises((RuntimeError, OSError), match=said) as error:
        world.make()
    told = build.full(str(error.value))
    assert told.startswith(f"{said}: ") and "GB free in" in told and "COOS_BUILD" in told and "\n" not in told
    assert list((world.run.folder / "notebooks").iterdir()) == []


def test_a_second_build_waits_for_the_first_and_says_so(world, monkeypatch):
    """Whatever it does, from opening the data to the pages."""
    monkeypatch.setattr(build.signal, "signal", lambda *_: None)
    monkeypatch.setattr(build, "chapters", lambda: [])
    monkeypatch.setattr(build, "repository", lambda: "owner/name")
    monkeypatch.setattr(build.pages, "made_here", lambda _: {})
    begun, inside = threading.Event(), []

    def first():
        with store.alone(store.root()):
            begun.set()
            time.sleep(0.2)
            inside.append("first")

    monkeypatch.setattr(build.runs, "start", lambda *_, **__: inside.append("second") or (world.run, {}))
    monkeypatch.setattr(build, "build", lambda *_: inside.append("pages") or "index.html")
    thread = threading.Thread(target=first)
    thread.start()
    assert begun.wait(60)
    done = CliRunner().invoke(build.main, [])
    thread.join()
    assert done.exit_code == 0 and inside == ["first", "second", "pages"]
    assert f"Another process is at work in {store.root()}. Waiting" in done.stderr


def test_parameters_that_a_chapter_lacks_are_named(world):
    path = world.folder / "01-a.md"
    path.write_text(path.read_text().replace('PROFILE = "smoke"', 'PROFIL = "smoke"'))
    with pytest.raises(ValueError, match="01-a.md: its parameters cell lacks PROFILE"):
        world.make()


def test_a_notebook_with_edits_of_its_own_is_put_aside(world, capsys):
    world.make()
    path = world.folder / "01-a.ipynb"
    edited = nbformat.read(path, as_version=4)
    edited.cells[0].source = "# My notes"
    nbformat.write(edited, path)
    assert world.make() == []
    kept = list((store.root() / "edited").glob("01-a-*.ipynb"))
    assert len(kept) == 1 and "# My notes" in kept[0].read_text()
    assert "had edits of its own" in capsys.readouterr().out
    assert "My notes" not in path.read_text()


def test_magics_are_no_obstacle_and_a_slip_is_named(world):
    path = world.folder / "03-c.md"
    text = path.read_text()
    path.write_text(
        text.replace(
            "from coos_helpers.representations import texture",
            "%time 1\nfrom coos_helpers.representations import texture",
        )
    )
    assert "03-c" in world.make()
    assert "representations.texture" in store.imported(build.code_of(build.notebook(path), "03-c.md"))
    path.write_text(text.replace("from coos_helpers.representations import texture", "x = 1\nprint((x)"))
    with pytest.raises(ValueError, match=r"03-c.md, code cell 3, line 2: .*print\(\(x\)"):
        world.make()


def test_a_chapter_that_writes_a_warning_is_named_with_its_cell(world, monkeypatch):
    def warns(source, target, parameters, **_):
        made = nbformat.read(source, as_version=4)
        made.cells[-1].outputs = [nbformat.v4.new_output("stream", name="stderr", text="UserWarning: careful\n")]
        nbformat.write(made, target)

    monkeypatch.setattr(build.papermill, "execute_notebook", warns)
    with pytest.raises(RuntimeError, match="(?s)01-a wrote to stderr.*in 01-a-003: UserWarning: careful"):
        world.make()


def test_an_executed_notebook_keeps_warnings_but_not_progress_bars():
    cell = nbformat.v4.new_code_cell("x", metadata={"mystnb": {"figure": {"caption": "A figure."}}})
    cell.outputs = [
        nbformat.v4.new_output("stream", name="stderr", text="\r  0%|   | 0/2\r100%|###| 2/2 [00:01]\n"),
        nbformat.v4.new_output("stream", name="stderr", text="\r50%|# | 1/2\nUserWarning: careful\n"),
        nbformat.v4.new_output("stream", name="stdout", text="kept, "),
        nbformat.v4.new_output("stream", name="stderr", text="\r100%|##| 2/2\n"),
        nbformat.v4.new_output("stream", name="stdout", text="in one piece\n"),
    ]
    injected = nbformat.v4.new_code_cell("DATA = 1", metadata={"tags": ["injected-parameters"]})
    made = nbformat.v4.new_notebook(cells=[cell, injected], metadata={"papermill": {"input_path": "/somewhere"}})
    cell.id = "a-007"
    said = build.finish(made, "key", "Data: simulated cells.")
    assert said == "in a-007: UserWarning: careful"
    assert [output.text for output in cell.outputs] == ["UserWarning: careful\n", "kept, in one piece\n"]
    assert cell.metadata.mystnb.figure.caption == "A figure. Data: simulated cells."
    assert made.cells == [cell]
    assert "somewhere" not in str(made)


def executed(text, key="k"):
    made = nbformat.v4.new_notebook(metadata={"key": key})
    made.cells = [nbformat.v4.new_code_cell("1", outputs=[nbformat.v4.new_output("stream", text=text)])]
    return made


def test_where_weights_are_looked_for_on_this_machine_is_not_published(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    made = executed(f"Going on untrained: put it into {build.vgg16_weights.path().parent}, or\n")
    assert build.finish(made, "k", "Data: simulated cells.") == ""
    assert made.cells[0].outputs[0].text == "Going on untrained: put it into torch's folder of models, or\n"


@pytest.mark.parametrize("reachable, done", [(True, False), (False, True)])
def test_a_chapter_that_went_without_weights_is_executed_again_when_they_can_be_had(monkeypatch, reachable, done):
    monkeypatch.setattr(build.vgg16_weights, "at_hand", lambda: reachable)
    assert build.up_to_date(executed(f"Going on untrained: {build.vgg16_weights.MISSING}: out of reach\n"), "k") is done
    assert build.up_to_date(executed("all is well\n"), "k")
    assert not build.up_to_date(executed("all is well\n", key="other"), "k")
