"""README.md: its Python is pasted as it stands, and prints what the comments beside it say."""

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import micrograd_like

ROOT = Path(micrograd_like.__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.M | re.S)


def test_it_is_short_and_what_is_to_be_pasted_has_no_prompts():
    assert len(TEXT.splitlines()) <= 200
    assert sum(kind == "python" for kind, _ in BLOCKS) >= 5
    assert ">>>" not in TEXT


def test_pasted_block_by_block_it_prints_what_it_says(tmp_path, monkeypatch):
    """Each print has what it prints as its comment, or in the block that follows if it is long."""
    monkeypatch.chdir(tmp_path)
    space, compared = {"__name__": "__main__"}, 0
    for (kind, code), (_, after) in zip(BLOCKS, [*BLOCKS[1:], ("", "")]):
        if kind != "python":
            continue
        said = re.findall(r"^print\(.*\)  +# (.*)$", code, re.M)
        prints = len(re.findall(r"^print\(", code, re.M))
        with redirect_stdout(StringIO()) as out:
            exec(compile(code, "README.md", "exec"), space)
        printed = out.getvalue()
        if prints > len(said):
            assert printed == after
            compared += 1
            continue
        for line, comment in zip(printed.splitlines(), said, strict=True):
            assert re.fullmatch(rf"{re.escape(line)}([,:] .*)?", comment)
            compared += 1
    assert compared >= 7
