"""docs/how-to/own-data.md: its commands, run as they stand, print what it says."""

import doctest
import os
import re
import shlex
import subprocess
import sys

from helpers.commands import ROOT

PAGE = ROOT / "docs" / "how-to" / "own-data.md"


def test_the_commands_of_the_page_print_what_it_says(tmp_path):
    (tmp_path / "demos").symlink_to(ROOT / "demos")
    told = "".join(re.findall(r"^```console\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S))
    steps = re.findall(r"^\$ (.*)\n((?:[^$].*\n|\n)+)", told, re.M)
    assert len(steps) == 3
    here = {**os.environ, "PYTHONPATH": str(ROOT)}
    for command, said in steps:
        line = command.replace("python", f"{shlex.quote(sys.executable)} -W error")
        how = {"shell": True, "cwd": tmp_path, "env": here, "capture_output": True, "text": True}
        run = subprocess.run(line, **how)
        assert run.returncode == 0, run.stderr
        same = doctest.OutputChecker().check_output(said, run.stdout, doctest.ELLIPSIS)
        assert same, f"{command} prints\n{run.stdout}"
