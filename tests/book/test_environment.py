"""What must hold of the pinned set: pip's and conda's lists say the same and miss nothing."""

import re
import tomllib
from importlib import metadata

import pytest
import yaml
from conftest import PROJECT

#: Packages whose conda-forge name is another than PyPI's.
CONDA_NAMES = {"matplotlib-base": "matplotlib", "pytorch": "torch"}


def normalised(name):
    """Write a package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def constraint_lines():
    lines = (PROJECT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def constraints():
    return {normalised(name): version for name, version in (line.split("==") for line in constraint_lines())}


def environment():
    return yaml.safe_load((PROJECT / "environment.yml").read_text(encoding="utf-8"))


def conda_pins():
    """Give the pinned packages of environment.yml as they stand there."""
    lines = [line for line in environment()["dependencies"] if isinstance(line, str)]
    pins = dict(line.split("=") for line in lines if not re.match(r"(python|pip)\b", line))
    return pins | dict(line.split(";")[0].split("==") for line in conda_pip() if "==" in line)


def conda_pip():
    """Give the lines that conda hands to pip, which reads them as a requirements file."""
    (lines,) = (part["pip"] for part in environment()["dependencies"] if isinstance(part, dict))
    return lines


def project():
    return tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def direct_dependencies():
    """Give pyproject.toml's dependencies, extras included: from each name to its version specifier."""
    lines = project()["dependencies"] + sum(project()["optional-dependencies"].values(), [])
    return {normalised(re.match(r"[\w.-]+", line)[0]): re.sub(r"^[\w.-]+|;.*", "", line) for line in lines}


@pytest.mark.parametrize("line", constraint_lines())
def test_every_constraint_is_an_exact_pin(line):
    assert re.fullmatch(r"[A-Za-z0-9][\w.-]*==\d+(\.\d+)*(\.?(post|rc|a|b)\d+)?", line)


def test_no_package_is_constrained_twice():
    assert len(constraints()) == len(constraint_lines())


@pytest.mark.parametrize("name, version", conda_pins().items())
def test_conda_and_pip_agree(name, version):
    assert constraints()[normalised(CONDA_NAMES.get(name, name))] == version


@pytest.mark.parametrize("name", direct_dependencies())
def test_every_direct_dependency_is_in_both_lists(name):
    assert name in constraints()
    assert name in {normalised(CONDA_NAMES.get(conda, conda)) for conda in conda_pins()}


@pytest.mark.parametrize("name, specifier", direct_dependencies().items())
def test_every_pin_satisfies_what_the_project_asks_for(name, specifier):
    from packaging.specifiers import SpecifierSet

    assert constraints()[name] in SpecifierSet(specifier)


@pytest.mark.parametrize("name", conda_pins())
def test_conda_names_are_written_as_conda_forge_writes_them(name):
    assert re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name)
    assert name != "matplotlib", "matplotlib-base leaves out a whole window toolkit"


@pytest.mark.parametrize("line", conda_pip())
def test_pip_can_read_what_conda_hands_it(line):
    """A requirements file takes no option such as --no-deps on a package's line."""
    from packaging.requirements import Requirement

    assert line == "-e ." or Requirement(line)


def test_the_conda_environment_has_pythons_of_the_project_and_the_package_itself():
    dependencies = environment()["dependencies"]
    assert f"python {project()['requires-python']}" in dependencies
    assert "pip" in dependencies
    assert "-e ." in conda_pip()
    assert environment()["channels"][0] == "conda-forge"


def test_what_is_installed_here_is_the_pinned_set():
    """Notice a package that was added without a pin: its dependencies would drift."""
    pins, wrong = constraints(), []
    for name in direct_dependencies():
        todo, seen = [name], set()
        while todo:
            name = normalised(todo.pop())
            if name in seen:
                continue
            seen.add(name)
            try:
                installed = metadata.distribution(name)
            except metadata.PackageNotFoundError:  # needed on other systems or for an extra
                continue
            if pins.get(name) != installed.version:
                wrong.append(f"{name} {installed.version}, pinned {pins.get(name)}")
            todo += [re.match(r"[\w.-]+", line)[0] for line in installed.requires or [] if "extra" not in line]
    wrong = sorted(set(wrong) - {line for line in wrong if re.match(r"(setuptools|pip|wheel) ", line)})
    if wrong and len(wrong) > len(pins) / 2:
        pytest.skip("this Python was not set up by constraints.txt")
    assert not wrong
