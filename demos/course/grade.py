"""Grades an engine, one point for each check that the solution passes, for an autograder.

    python grade.py engine.py results.json [level]

The file has the form that Gradescope takes: a list of tests with score, max_score, output, status.
What is taken out of solution.py is not asked for.
"""

import json
import sys
from pathlib import Path

from micrograd_like.check_engine import BadEngine, Report, check_loaded
from micrograd_like.check_engine.load import loader

SOLUTION = Path(__file__).with_name("solution.py")


def grade(engine, level="careful"):
    """The grade of the class Value in a file, as a dictionary for results.json.

    Args:
        engine: the path of the file.
        level: the highest level that counts: "rules", "careful" or "complete".
    """
    asked = check_loaded(loader(f"{SOLUTION}:Value"), level)
    try:
        report = check_loaded(loader(f"{engine}:Value"), level)
    except BadEngine as error:  # it cannot be imported, or has no class Value: no points
        report = Report(str(engine), level, [], [], [str(error)])
    found = {test["name"]: test for test in json.loads(report.to_json())["tests"]}
    tests = [graded(r.name, found.get(r.name)) for r in asked.results if r.mark == "right"]
    return {"output": str(report), "tests": tests}


def graded(name, test):
    """One check; None if it could not be made."""
    points, output = (test["points"], test["output"]) if test else (0, "could not be tried")
    status = "passed" if points else "failed"
    return {"name": name, "score": points, "max_score": 1, "output": output, "status": status}


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        raise SystemExit("usage: python grade.py engine.py results.json [level]")
    result = grade(sys.argv[1], *sys.argv[3:])
    Path(sys.argv[2]).write_text(json.dumps(result, indent=2))
    points = sum(test["score"] for test in result["tests"])
    print(f"{points} of {len(result['tests'])} points")
