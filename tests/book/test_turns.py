"""Which chapter runs when, and the one line that shows the bars of all that run."""

import threading
import time

import pytest
from book_builder import turns

READS = {"00": [], "01": [], "02": [], "03": ["02"], "04": ["02"], "06": ["02", "03", "04"]}


@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_each_chapter_runs_once_after_those_that_it_reads_and_no_more_at_once_than_asked_for(at_once):
    begun, running, most, lock = [], set(), [], threading.Lock()

    def work(name, known):
        with lock:
            running.add(name)
            most.append(len(running))
            begun.append(name)
        time.sleep(0.01)
        assert set(READS[name]) <= set(known) and all(known[other] == other * 2 for other in known)
        with lock:
            running.remove(name)
        return name * 2

    given = turns.in_turn(READS, work, at_once)
    assert given == {name: name * 2 for name in READS} and sorted(begun) == sorted(READS)
    assert min(at_once, 3) <= max(most) <= at_once and begun[0] == "02"


def test_an_error_ends_it_at_once_and_nothing_new_begins():
    begun, wait = [], threading.Event()

    def work(name, known):
        begun.append(name)
        if name == "01":
            raise ValueError("no such cell")
        wait.wait(60)

    with pytest.raises(ValueError, match="no such cell"):
        turns.in_turn(READS, work, 2)
    wait.set()
    assert set(begun) == {"01", "02"}


def test_each_chapter_has_its_part_of_the_cores_unless_somebody_said_otherwise(monkeypatch):
    environment = {"OPENBLAS_NUM_THREADS": "7"}
    monkeypatch.setattr(turns.os, "environ", environment)
    monkeypatch.setattr(turns, "cpu_count", lambda: 12)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert turns.share() == turns.AT_ONCE == 4
    assert environment["OMP_NUM_THREADS"] == environment["LOKY_MAX_CPU_COUNT"] == "3"
    assert environment["OPENBLAS_NUM_THREADS"] == "7"
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert turns.share() == 1


BARS = {
    "\rVGG16 of train:  12%|#2        | 8/64 [00:05<00:35,  1.60 cells/s]": "VGG16 of train 12 %, 00:35 left",
    "\ra:  12%|#| 1/8 [00:05<00:35, 1 cells/s]\rb:  50%|#| 4/8 [00:05<1:00:35, 1 cells/s]": "b 50 %, 1:00:35 left",
    "\rsteps:   0%|          | 0/60 [00:00<?, ? steps/s]": "",
    "\rsteps: 100%|##########| 60/60 [00:05<00:00, 9 steps/s]\n": "",
    "UserWarning: 50% of what?\n": "",
}


@pytest.mark.parametrize("said, shown", BARS.items())
def test_a_bar_is_cut_down_to_what_how_far_and_how_long(said, shown):
    line = turns.Line()
    line.update("03-vgg16", "")
    line.of("03-vgg16").write(said)
    assert line.shown == ": ".join(filter(None, ["03-vgg16", shown]))


def test_bars_of_two_chapters_stand_side_by_side_and_go_when_something_is_said(monkeypatch, capsys):
    monkeypatch.setattr(turns, "LINE", turns.Line())
    for chapter in ("04-deeploc", "03-vgg16"):
        turns.LINE.of(chapter).write("\rbar:  12%|#2        | 8/64 [00:05<00:35,  1.60 cells/s]")
    assert (
        turns.LINE.shown == "03-vgg16: bar 12 %, 00:35 left | 04-deeploc: bar 12 %, 00:35 left"[: len(turns.LINE.shown)]
    )
    turns.LINE.update("03-vgg16", None)
    assert turns.LINE.shown == "04-deeploc: bar 12 %, 00:35 left"
    turns.say("Done")
    told = capsys.readouterr()
    assert told.out == "== Done\n" and told.err.endswith(" \r") and turns.LINE.shown == ""
