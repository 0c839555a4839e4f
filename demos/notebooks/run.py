"""Runs every notebook of this folder from the first cell to the last and stores its outputs.

    python demos/notebooks/run.py               # in place; after a change of text, code or library
    python demos/notebooks/run.py --out DIR     # leave the notebooks alone, write the copies to DIR
    python demos/notebooks/run.py 02_pytorch    # only this one

Each notebook runs in a fresh kernel of the Python that runs this script, and then what its texts
claim is asserted (claims.py). It stores nothing that differs from run to run or from machine to
machine, no times, no paths, no Python version; 02 says one ratio of times.

It needs the test extra: pip install "micrograd_like[test]"
"""

import argparse
import base64
import io
import os
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from claims import CLAIMS

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Runs the notebooks that were asked for, or all in the order of their names."""
    parser = argparse.ArgumentParser(description="Run the notebooks and store their outputs.")
    parser.add_argument("--out", type=Path, default=HERE, help="where the notebooks are written")
    parser.add_argument("names", nargs="*", help="which notebooks; without it all")
    options = parser.parse_args()
    out, names = options.out, options.names or sorted(path.stem for path in HERE.glob("*.ipynb"))
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        settle(Path(directory))
        for name in names:
            run(HERE / f"{name}.ipynb", out / f"{name}.ipynb")
            print("saved", out / f"{name}.ipynb")


def settle(directory: Path) -> None:
    """Keeps Jupyter, and the kernels it starts, in a directory of their own."""
    others = os.environ.get("PYTHONPATH")
    os.environ |= {
        "JUPYTER_PLATFORM_DIRS": "1",  # without it some versions warn
        "JUPYTER_CONFIG_DIR": str(directory / "config"),
        "JUPYTER_DATA_DIR": str(directory / "data"),
        "JUPYTER_PATH": str(directory),  # its kernels come before all others
        "JUPYTER_RUNTIME_DIR": str(directory / "runtime"),
        "IPYTHONDIR": str(directory / "ipython"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # the debugger warns about frozen modules
        "PYTHONPATH": os.pathsep.join(filter(None, [str(HERE.parents[1]), others])),
    }
    from ipykernel.kernelspec import write_kernel_spec

    # A kernel spec with this interpreter's path: "python" on the PATH may be another one. What C
    # libraries write (Graphviz: about the fonts of the machine) is no output of a cell.
    options = ["--IPKernelApp.capture_fd_output=False", "--log-level=ERROR"]
    write_kernel_spec(directory / "kernels" / "python3", extra_arguments=options)


def run(path: Path, target: Path) -> None:
    """Runs one notebook; an error in a cell or a false claim is raised, and nothing is written."""
    from nbclient import NotebookClient

    nbformat: Any = import_module("nbformat")  # its functions have no types
    notebook = nbformat.read(path, as_version=4)
    claims = "\n".join(f"assert {claim}, {claim!r}" for claim in CLAIMS.get(path.stem, []))
    notebook.cells.append(nbformat.v4.new_code_cell(claims))
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(HERE)}},
    )
    client.execute()
    notebook.cells.pop()
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for output in (o for cell in notebook.cells for o in cell.get("outputs", [])):
        if "image/png" in output.get("data", {}):
            output.data["image/png"] = smaller(output.data["image/png"])
    nbformat.write(notebook, target)


def smaller(png: str) -> str:
    """The picture with 256 colours, which is enough for a plot and takes a third of the bytes."""
    from PIL import Image

    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    file = io.BytesIO()
    few = picture.quantize(256, Image.Quantize.MAXCOVERAGE)  # keeps rare colours too
    few.save(file, "png", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


if __name__ == "__main__":
    main()
