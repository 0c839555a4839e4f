"""What is published: metadata, the page on the package index, distributions, the citation."""

import os
import re
import subprocess
import sys
import tarfile
from email.parser import Parser
from html.parser import HTMLParser
from pathlib import Path
from zipfile import ZipFile

import pytest
from readme_renderer import markdown

import micrograd_like

ROOT = Path(micrograd_like.__file__).parents[1]
OURS = "https://github.com/micrograd-like/micrograd_like/"
PICTURES = "https://raw.githubusercontent.com/micrograd-like/micrograd_like/main/"
BUILD = """
import sys, setuptools.build_meta as build
folder = sys.argv[1]
print(build.build_sdist(folder), build.build_wheel(folder))
"""


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """The source distribution and the wheel, built from a copy of what is under version control."""
    folder = tmp_path_factory.mktemp("release")
    copy = folder / "copy"
    for name in tracked():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((ROOT / name).read_bytes())
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BUILD, folder], cwd=copy, capture_output=True,
        check=True, text=True,
    )  # fmt: skip
    sdist, wheel = run.stdout.splitlines()[-1].split()
    return folder / sdist, folder / wheel


def tracked():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this is no checkout under version control")
    return [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


@pytest.fixture(scope="module")
def metadata(distributions):
    with ZipFile(distributions[1]) as wheel:
        (name,) = [name for name in wheel.namelist() if name.endswith("/METADATA")]
        return Parser().parsestr(wheel.read(name).decode())


def test_the_source_distribution_is_what_is_under_version_control(distributions):
    with tarfile.open(distributions[0]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames() if "egg-info" not in name}
        files = {name for name in names if name and not (ROOT / name).is_dir()}
    assert files ^ set(tracked()) == {"PKG-INFO"}


def test_the_wheel_has_the_package_and_no_tests(distributions):
    with ZipFile(distributions[1]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == {name for name in tracked() if name.startswith("micrograd_like/")}


@pytest.mark.slow
def test_the_tests_of_the_source_distribution_run(distributions, tmp_path):
    with tarfile.open(distributions[0]) as sdist:
        sdist.extractall(tmp_path)
    (folder,) = tmp_path.iterdir()
    some = ["tests/test_tiny.py", "tests/test_readme.py", "tests/demos", "micrograd_like"]
    env = {**os.environ, "PYTHONPATH": str(folder)}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *some], cwd=folder, env=env,
        capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout


def test_the_metadata_says_who_what_where_and_on_which_pythons(metadata):
    assert [key for key in ("Author", "Summary", "Keywords") if not metadata[key]] == []
    urls = dict(url.split(", ") for url in metadata.get_all("Project-URL"))
    assert {"Source", "Documentation", "Changes", "Issues"} <= set(urls)
    classifiers = metadata.get_all("Classifier")
    versions = [c.split(" :: ")[-1] for c in classifiers if " :: 3." in c]
    assert versions == ["3.10", "3.11", "3.12", "3.13", "3.14"]
    assert metadata["Requires-Python"] == f">={versions[0]}"
    assert not [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]


class Links(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found += [link for name, link in attributes if name in ("href", "src")]


def test_every_link_of_the_page_on_the_package_index_leads_somewhere(metadata):
    page = markdown.render(metadata.get_payload())
    assert page, "the package index cannot render it"
    links = Links(page).found
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    pictures = [link[len(PICTURES) :] for link in links if link.startswith(PICTURES)]
    files = [re.sub(r"^(blob|tree)/main/|#.*", "", link[len(OURS) :])
             for link in links if link.startswith(OURS)]  # fmt: skip
    assert pictures
    assert files
    assert [name for name in [*pictures, *files] if not (ROOT / name).exists()] == []
    assert "<img" in page


def test_the_citation_and_the_changes_know_this_version():
    text = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {micrograd_like.__version__}\n" in text
    changes = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(rf"^## (Unreleased|{re.escape(micrograd_like.__version__)}\b)", changes, re.M)
