"""What must hold of the Croissant file: mlcroissant takes it, and what it says is what is in the files."""

import hashlib
import json
import logging

import h5py
import pytest
from conftest import PROJECT, places, write_release

from coos_helpers.data import croissant, open_release
from coos_helpers.data.datasheet import write_documents
from coos_helpers.simulate import FACTORS, VERSION

# Of rdflib, within mlcroissant.
pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")


@pytest.fixture
def described():
    """Give a function that writes a release's documents, reads its Croissant file with mlcroissant, and gives both."""
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant comes with the extra `test`")
    logging.disable(logging.WARNING)  # of what is recommended, such as a licence, which only you can choose

    def read(folder, **options):
        write_documents(folder, {"motivation": "For a test.", "splits": "As given."}, **options)
        found = mlcroissant.Dataset(jsonld=folder / "croissant.json")
        assert not found.metadata.ctx.issues.errors
        return found, json.loads((folder / "croissant.json").read_text(encoding="utf-8"))

    yield read
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("folder, with_places", [("release", True), ("Ω & <my> cells", False)])
def test_mlcroissant_takes_the_file_of_a_release(tmp_path, described, folder, with_places):
    folder = write_release(tmp_path / folder, with_places=with_places, attrs={"source": "drawn at random"})
    found, said = described(folder)
    assert found.metadata.name == said["name"] == folder.name and "drawn at random" in said["description"]
    assert [record["classes/name"].decode() if isinstance(record["classes/name"], bytes) else record["classes/name"]
            for record in found.records("classes")] == list(open_release(folder)["train"].class_names)  # fmt: skip


def test_the_files_and_their_checksums_are_those_on_disk(tmp_path, described):
    folder = write_release(tmp_path / "release")
    _, said = described(folder)
    assert {file["contentUrl"] for file in said["distribution"]} == {path.name for path in folder.glob("*.hdf5")}
    for file in said["distribution"]:
        content = (folder / file["contentUrl"]).read_bytes()
        assert file["sha256"] == hashlib.sha256(content).hexdigest() and file["contentSize"] == f"{len(content)} B"


def test_every_data_set_is_a_field_of_its_type_and_shape(tmp_path, described):
    folder = write_release(tmp_path / "release", ("train", "test2"), n=5)
    with h5py.File(next(folder.glob("*training*")), "a") as file:
        file["dose"] = [0.5] * 5
        file["note"] = ["é"] * 5
        file["once"] = [1, 2, 3]  # not of the cells
    _, said = described(folder)
    fields = {record["name"]: {field["name"]: field for field in record["field"]} for record in said["recordSet"]}
    assert list(fields) == ["train", "test2", "classes"]
    assert set(fields["test2"]) == {"data", "labels", *places(1)}
    assert set(fields["train"]) == {"data", "labels", *places(1), "dose", "note"}
    kinds = {name: field["dataType"].removeprefix("sc:") for name, field in fields["train"].items()}
    assert kinds == {
        "data": "Integer",
        "labels": "Integer",
        "plate": "Text",
        "well": "Text",
        "dose": "Float",
        "note": "Text",
    }
    assert fields["train"]["data"]["arrayShape"] == "2,64,64" and "arrayShape" not in fields["train"]["dose"]
    assert fields["test2"]["well"]["source"] == {
        "fileObject": {"@id": next(folder.glob("*test2*")).name},
        "extract": {"column": "well"},
    }


def test_the_simulated_release_is_told_with_its_factors_seed_and_version(simulated_folder, described, tmp_path):
    for path in simulated_folder.glob("*.hdf5"):
        (tmp_path / path.name).symlink_to(path)
    found, said = described(tmp_path, version=f"{VERSION}.0.0")
    assert str(found.metadata.version) == said["version"] == f"{VERSION}.0.0"
    assert "seed=0" in said["description"] and f"version={VERSION}" in said["description"]
    fields = {field["name"]: field for field in said["recordSet"][0]["field"]}
    for factor in FACTORS:
        assert factor.meaning in fields[f"truth/{factor.name}"]["description"]


def test_the_context_is_croissants_own():
    """Read what the library has for version 1.1, of which the file says that it is written."""
    rdf = pytest.importorskip("mlcroissant._src.core.rdf", reason="mlcroissant comes with the extra `test`")
    one_dot_one = type("Context", (), {"is_v1_1": lambda self: True, "is_v0": lambda self: False})()
    theirs = rdf.make_context(ctx=one_dot_one)
    assert {name: croissant.CONTEXT.get(name) for name in theirs} == theirs


def test_only_the_tests_need_the_library():
    for path in (PROJECT / "coos_helpers").rglob("*.py"):
        assert "import mlcroissant" not in path.read_text(encoding="utf-8")
