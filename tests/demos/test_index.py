"""demos/README.md: it lists what there is, and its links lead somewhere."""

import re

import pytest
from helpers.commands import ROOT

DEMOS = ROOT / "demos"
INDEX = DEMOS / "README.md"
LINKS = re.findall(r"\]\(([^)#]+)(?:#[\w-]+)?\)", INDEX.read_text("utf-8"))


def test_every_demo_notebook_and_picture_is_in_the_index():
    there = [*DEMOS.glob("*.py"), *DEMOS.glob("notebooks/*.ipynb"), *DEMOS.glob("pictures/*.png")]
    paths = {path.relative_to(DEMOS).as_posix() for path in there} - {"pictures/neuron.png"}
    assert sorted(paths - set(LINKS)) == []


def test_every_link_of_the_index_leads_somewhere():
    assert [link for link in LINKS if not (DEMOS / link).exists()] == []


# What people type who look for one of these.
WORDS = """
autograd, backpropagation, batchnorm, by hand, circles, classification, cnn, confusion matrix,
convolution, cross entropy, dataloader, decision boundary, dropout, gpt, gradient check, hinge,
huber, learning rate, linear regression, mnist, moons, numpy, pooling, pytorch, regression, relu,
schedule, softmax, spirals, training loop, xor
"""


@pytest.mark.parametrize("word", [word.strip() for word in WORDS.split(",")])
def test_a_word_that_people_search_for_leads_to_a_row(word):
    rows = [row for row in INDEX.read_text("utf-8").lower().splitlines() if row.startswith("| ")]
    assert any(word in row for row in rows)
