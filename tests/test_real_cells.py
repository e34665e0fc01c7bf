"""The whole book in the smoke profile on the real yeast cells, where they are."""

from whole_book import run


def test_every_chapter_runs_on_real_cells_with_five_classes_and_three_test_sets(real_cells, tmp_path):
    done = run(tmp_path, "--data", str(real_cells))
    assert done.returncode == 0, done.stdout + done.stderr
    pages = tmp_path / "_build" / "html" / "notebooks"
    cells, texture = (
        (pages / f"{name}.html").read_text(encoding="utf-8") for name in ("01-meet-the-cells", "02-texture")
    )
    assert "classes  AAC1, AAC3, AAH1, AAP1, AAR2" in cells and "Nuclear Envelope" not in cells
    for page in (cells, texture):
        assert "yeast cells" in page and "simulated cells, not COOS-7" not in page
