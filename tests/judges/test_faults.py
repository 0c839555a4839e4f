"""Faults: processes killed while they save, full disks, damaged files, interrupts, threads.

Nothing is mocked: the processes are real and die by SIGKILL, the limits are the kernel's, the
interrupts are signals. Linux and macOS only; elsewhere there is no fork.
"""

import ast
import copy
import json
import math
import os
import random
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from itertools import pairwise
from pathlib import Path

import pytest
from helpers.interrupts import outcomes

import micrograd_like
from micrograd_like import draw, explore
from micrograd_like.engine import Value, apply, grad, no_grad
from micrograd_like.files import write_whole
from micrograd_like.losses import mse_loss
from micrograd_like.nn import (
    MLP,
    Activation,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    Neuron,
    Sequential,
)
from micrograd_like.ops import SUM
from micrograd_like.optim import SGD, Adam, ReduceLROnPlateau, StepLR, clip_grad_norm_
from micrograd_like.serialize import LoadError, _checksum, load, load_state, save
from micrograd_like.testing import gradcheck
from micrograd_like.train import EarlyStopping, evaluate, fit, predict

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and Unix signals")


# --- saving, in processes that die ---

# A child process with nothing but this library in it, so that it may fork again and again.
CHILD = """
import json, os, resource, signal, sys
from micrograd_like.nn import MLP
from micrograd_like.serialize import load, save

old, new = MLP(2, [3, 1], rng=1), MLP(2, [4, 1], rng=2)
NAMES = {3: "old", 4: "new"}
path = sys.argv[1]

def in_a_fork(function):
    '''How the process that calls the function ends: 0 when it survives, -9 when killed.'''
    pid = os.fork()
    if pid == 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        function()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def found():
    '''Which model is in the file, after a check of every number, and what else is in the folder.'''
    model = load(path)
    expected = {"old": old, "new": new}[NAMES[model.nouts[0]]]
    assert model.state_dict() == expected.state_dict()
    left = [name for name in os.listdir(os.path.dirname(path)) if name != os.path.basename(path)]
    assert all(name.startswith(".m.json.") and name.endswith(".tmp") for name in left), left
    for name in left:
        os.unlink(os.path.join(os.path.dirname(path), name))
    return NAMES[model.nouts[0]], len(left)
"""


def child(script, *args):
    """What the script prints, as JSON."""
    code = CHILD + textwrap.dedent(script)
    command = [sys.executable, "-c", code, *map(str, args)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    return json.loads(run.stdout)


def test_a_save_killed_before_or_after_any_call_leaves_the_old_file_or_the_new_one(tmp_path):
    outcomes = child(
        """
        def killed_at(count):
            # Every function, Python's or C's, that is called and left once save begins to write.
            def profile(frame, event, argument):
                nonlocal count, writing
                writing = writing or frame.f_code.co_name == "write_whole"
                count -= writing
                if count == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            def run():
                sys.setprofile(profile)
                save(new, path)
                sys.setprofile(None)
            writing = False
            return run

        outcomes, count, code = [], 0, -9
        while code != 0:
            count += 1
            save(old, path)
            code = in_a_fork(killed_at(count))
            outcomes.append([code, *found()])
        print(json.dumps(outcomes))
        """,
        tmp_path / "m.json",
    )
    codes, models, left = zip(*outcomes)
    assert codes == (-signal.SIGKILL,) * (len(codes) - 1) + (0,)
    first_new = models.index("new")
    assert set(models[:first_new]) == {"old"}
    assert set(models[first_new:]) == {"new"}
    assert min(first_new, len(codes) - first_new, sum(left)) > 5  # killed often on either side
    assert not any(left[first_new:])


@pytest.mark.parametrize(
    "step", [pytest.param(1, marks=pytest.mark.slow), 29], ids=["every byte", "some bytes"]
)
def test_a_save_killed_at_any_byte_of_the_write_leaves_the_old_file(tmp_path, step):
    # The kernel writes as many bytes as the limit allows and kills at the next one.
    outcomes = child(
        """
        def killed_at(size):
            def run():
                signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
                resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
                save(new, path)
            return run

        save(new, path)
        whole, step = os.path.getsize(path), int(sys.argv[2])
        outcomes = []
        for size in [*range(0, whole, step), whole - 1, whole]:
            save(old, path)
            outcomes.append([in_a_fork(killed_at(size)), *found()])
        print(json.dumps(outcomes))
        """,
        tmp_path / "m.json",
        step,
    )
    assert outcomes[:-1] == [[-signal.SIGXFSZ, "old", 1]] * (len(outcomes) - 1)
    assert outcomes[-1] == [0, "new", 0]
    assert len(outcomes) > 30


# --- only a file is replaced, and it stays what it was ---


def node(path, kind, *device):
    """Makes a device, where this process may."""
    try:
        os.mknod(path, kind | 0o666, *device)
    except PermissionError:
        pytest.skip("only root can make a device")


NO_FILES = {
    "a folder": lambda path: path.mkdir(),
    "a pipe": os.mkfifo,
    "a device": lambda path: node(path, stat.S_IFCHR, os.makedev(1, 3)),  # as /dev/null
    "a socket": lambda path: bound(path),
}
WRITERS_OF_FILES = {
    "m.bytes": lambda path: write_whole(path, b""),
    "m.json": lambda path: save(Neuron(1, rng=0), path),
    "m.dot": lambda path: draw(Value(1.0)).save(path),
    "m.html": lambda path: explore(Value(1.0), path),
}


def bound(path):
    here = os.getcwd()
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(path.parent)  # the name of a socket may have 107 letters
        server.bind(path.name)
        os.chdir(here)


@pytest.mark.parametrize("what", NO_FILES)
@pytest.mark.parametrize("name", WRITERS_OF_FILES)
def test_what_is_no_file_is_not_replaced(tmp_path, what, name):
    path = tmp_path / name
    NO_FILES[what](path)
    before = path.stat()
    with pytest.raises(OSError, match=f"is {what}: a file is expected"):
        WRITERS_OF_FILES[name](path)
    assert (path.stat().st_mode, path.stat().st_ino) == (before.st_mode, before.st_ino)
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("what", NO_FILES)
def test_what_is_no_file_is_not_read_and_not_waited_for(tmp_path, what):
    path = tmp_path / "m.json"
    NO_FILES[what](path)
    for read in (load, load_state):
        with pytest.raises(OSError, match=r"file is expected|directory|No such device"):
            read(path)


def test_permissions_and_owner_stay(tmp_path):
    path = tmp_path / "m.json"
    for mode in (0o600, 0o640, 0o666, 0o755):
        path.write_text("old")
        path.chmod(mode)
        if os.getuid() == 0:
            os.chown(path, 1234, 4321)
        before = path.stat()
        save(Neuron(1, rng=0), path)
        after = path.stat()
        assert after.st_mode == before.st_mode
        assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
        path.unlink()


def test_a_new_file_gets_the_permissions_that_the_umask_leaves(tmp_path):
    before = os.umask(0o027)
    try:
        save(Neuron(1, rng=0), tmp_path / "m.json")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "m.json").stat().st_mode) == 0o640


def test_a_read_only_file_is_not_replaced():
    with tempfile.TemporaryDirectory() as folder:
        outcome = child(
            """
            save(old, path)
            os.chmod(os.path.dirname(path), 0o777)
            os.chmod(path, 0o444)
            if os.getuid() == 0:
                os.setuid(65534)
            try:
                save(new, path)
            except PermissionError as error:
                print(json.dumps([error.strerror, *found()]))
            """,
            Path(folder, "m.json"),
        )
    assert outcome == ["is read-only", "old", 0]


@pytest.mark.parametrize("target", ["m.json", "new.json", "sub/m.json", "../out/m.json"])
def test_through_symbolic_links_the_target_is_written(tmp_path, target):
    folder = tmp_path / "here"
    for name in ("here", "here/sub", "out"):
        (tmp_path / name).mkdir()
    (folder / "link.json").symlink_to(target)
    (folder / "chain.json").symlink_to("link.json")
    if target == "m.json":
        (folder / target).write_text("old")
    save(Neuron(3, rng=0), folder / "chain.json")
    assert load(folder / target).nin == 3
    assert (folder / "chain.json").is_symlink()
    assert os.readlink(folder / "link.json") == target


def test_links_that_go_in_circles_or_nowhere_are_the_systems_error(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "c").symlink_to("nowhere/m.json")
    with pytest.raises(OSError, match="symbolic links"):
        save(Neuron(1), tmp_path / "a")
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere"):
        save(Neuron(1), tmp_path / "c")
    assert sorted(os.listdir(tmp_path)) == ["a", "b", "c"]


def test_another_hard_link_keeps_the_old_file(tmp_path):
    old, other = tmp_path / "m.json", tmp_path / "backup.json"
    save(Neuron(1), old)
    os.link(old, other)
    save(Neuron(2), old)
    assert (load(old).nin, load(other).nin) == (2, 1)


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path):
    for name in ("x" * 255, "\N{GRINNING FACE}" * 63):
        save(Neuron(2), tmp_path / name)
        assert load(tmp_path / name).nin == 2
    with pytest.raises(OSError, match="too long"):
        save(Neuron(2), tmp_path / ("x" * 256))
    assert len(os.listdir(tmp_path)) == 2


def test_the_error_names_the_file_and_not_the_temporary_one(tmp_path):
    path = tmp_path / "m.json"
    with file_size_limit(10), pytest.raises(OSError, match=f"File too large: '{path}'"):
        save(Neuron(1), path)


def test_nobody_but_files_opens_a_file_to_write():
    package = Path(micrograd_like.__file__).parent
    for path in package.rglob("*.py"):
        for call in (n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)):
            name = getattr(call.func, "id", getattr(call.func, "attr", ""))
            assert name not in ("write_text", "write_bytes", "NamedTemporaryFile", "mkstemp"), path
            if name == "open" and path.name != "files.py" and isinstance(call.func, ast.Name):
                modes = [a.value for a in call.args[1:] if isinstance(a, ast.Constant)]
                assert not any(set("wax+") & set(mode) for mode in modes), path


# --- reading takes bounded memory and time, whatever the file says ---


HUNGRY = """
import resource, sys, time
from micrograd_like.serialize import LoadError, load
resource.setrlimit(resource.RLIMIT_AS, (2 * 10**9, 2 * 10**9))
sys.set_int_max_str_digits(0)
start = time.process_time()
try:
    load(sys.argv[1])
except LoadError as error:
    print(str(error).partition(": ")[2])
seconds = time.process_time() - start
assert seconds < 30.0, seconds
with open("/proc/self/status") as status:  # ru_maxrss would count what the parent had, too
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
assert peak < 2**20, peak
"""


def document(architecture="{}", state="{}", training="[]", generators="[]", extra="null"):
    content = {
        "optimizer": "null",
        "scheduler": "null",
        "architecture": architecture,
        "state": state,
        "training": training,
        "generators": generators,
        "extra": extra,
    }
    inside = ",".join(f'"{name}":{part}' for name, part in content.items())  # fmt: skip
    head = '{"format": "micrograd_like model", "version": 1, "checksum": "%s", "content": {%s}}'
    with suppress(ValueError, RecursionError):  # then it has none
        if len(inside) < 2**24:
            return head % (_checksum(json.loads("{" + inside + "}")), inside)
    return head % ("", inside)


def sequential(parts):
    return '{"class":"Sequential","layers":[' + ",".join(parts) + "]}"


DROPOUT, CONV = (
    '{"class":"Dropout","p":0.5}',
    ('{"class":"Conv2d","nin":1,"nout":1,"kernel_size":1,"stride":1,"padding":%s}'),
)
CONV_STATE = '{"layers.0.weight.0.0":1.0,"layers.0.b.0":0.0}'
HUNGRY_FILES = {
    "empty lists": (lambda: document(extra="[" + "[]," * 20_000_000 + "[]]"),
                    "it has .* lists and dicts, more than 1048576"),
    "empty dicts": (lambda: document(extra="[" + '{"":0},' * 2_000_000 + "{}]"),
                    "it has .* lists and dicts, more than 1048576"),
    "as many lists as may be": (lambda: document(extra="[%s[]]" % ("[]," * 1_000_000)),
                                "describes no module|"),
    "dropouts": (lambda: document(
        sequential([DROPOUT] * 350_000), training="[%strue]" % ("true," * 350_000),
        generators="[%s0]" % ("0," * 349_999)), "the architecture has 350001 modules"),
    "deep dropouts": (lambda: document('{"class":"Sequential","layers":[' * 900 + DROPOUT
                                       + "]}" * 900), "nested too deeply|do not fit"),
    "padding": (lambda: document(CONV % 10**9, CONV_STATE), "padding of Conv2d cannot be"),
    "a number of many digits": (lambda: document(extra="9" * 5_000_000),
                                "it has a number of 5000000 digits"),
    "a float of many digits": (lambda: document(extra="9" * 9_000_000 + ".5"), ""),
    "a long exponent": (lambda: document(extra="1e" + "9" * 5_000_000), ""),
    "too many bytes": (lambda: " " * (2**26 + 1), "it has more than 67108864 bytes"),
    "floats": (lambda: document(extra="[" + "1.5," * 15_000_000 + "0.5]"), "checksum differs|"),
    "texts": (lambda: document(extra='["' + '","'.join(["ab"] * 12_000_000) + '"]'), "checksum"),
    "keys": (lambda: document(extra="{" + ",".join(f'"{i}":0' for i in range(4_000_000)) + "}"),
             "checksum"),
    "one text": (lambda: document(extra='"' + "x" * 60_000_000 + '"'), "checksum"),
    "zeros": (lambda: "\0" * 2**26, "cut off, damaged or not JSON"),
    "a wide layer": (lambda: document('{"class":"Linear","nin":1000000000,"nout":1000000000}'),
                     "the architecture has 1000000001000000000 numbers, the state 0"),
}  # fmt: skip


LARGE = {"floats", "texts", "keys", "zeros", "one text", "as many lists as may be", "empty lists"}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n in LARGE)) for n in HUNGRY_FILES]
)
def test_a_hungry_file_is_refused_in_bounded_memory(tmp_path, name):
    make, message = HUNGRY_FILES[name]
    path = tmp_path / "m.json"
    path.write_text(make())
    command = [sys.executable, "-c", HUNGRY, str(path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stderr) == (0, "")
    assert re.search(message, run.stdout), run.stdout[:300]
    assert run.stdout, "it was loaded"


# --- saving where there is no room, or no right to ---


@contextmanager
def file_size_limit(size):
    """No file may grow beyond so many bytes: the write that would fails, as on a full disk."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_full_at_any_byte_is_the_systems_error_and_the_old_file_is_whole(tmp_path):
    path, old, new = tmp_path / "m.json", MLP(2, [3, 1], rng=1), MLP(2, [4, 1], rng=2)
    save(new, path)
    whole = path.stat().st_size
    save(old, path)
    for size in range(0, whole, 7):
        with file_size_limit(size), pytest.raises(OSError, match="File too large"):
            save(new, path)
        assert os.listdir(tmp_path) == ["m.json"]
        assert load(path).state_dict() == old.state_dict()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KiB, where this process may make one."""
    options = ["-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    mounted = subprocess.run(["mount", *options], capture_output=True).returncode == 0
    if not mounted:
        pytest.skip("only root can mount a small disk")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_disk_that_is_really_full_keeps_the_old_file_and_takes_one_again_later(small_disk):
    path, old, new = small_disk / "m.json", Neuron(2, rng=1), MLP(20, [20, 20, 1], rng=2)
    save(old, path)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(40_000))
    with pytest.raises(OSError, match="No space left on device"):
        save(new, path)
    assert sorted(os.listdir(small_disk)) == ["ballast", "m.json"]
    assert load(path).state_dict() == old.state_dict()
    ballast.unlink()
    save(new, path)
    assert load(path).state_dict() == new.state_dict()


def test_a_folder_that_may_not_be_written_is_the_systems_error_and_the_old_file_is_whole():
    with tempfile.TemporaryDirectory() as folder:
        outcome = child(
            """
            save(old, path)
            os.chmod(os.path.dirname(path), 0o555)
            if os.getuid() == 0:
                os.setuid(65534)  # nobody: root may write everywhere
            try:
                save(new, path)
            except OSError as error:
                name = type(error).__name__
            print(json.dumps([name, *found()]))
            """,
            Path(folder, "m.json"),
        )
        os.chmod(folder, 0o755)
    assert outcome == ["PermissionError", "old", 0]


def test_a_folder_that_may_be_written_but_not_read_takes_the_new_file():
    with tempfile.TemporaryDirectory() as folder:
        outcome = child(
            """
            save(old, path)
            os.chmod(os.path.dirname(path), 0o333)
            os.chmod(path, 0o666)
            if os.getuid() == 0:
                os.chown(path, 65534, 65534)
                os.setuid(65534)
            save(new, path)
            print(json.dumps(load(path).nouts))
            """,
            Path(folder, "m.json"),
        )
        os.chmod(folder, 0o755)
    assert outcome == [4, 1]


def test_two_processes_that_save_to_one_path_never_show_a_third_half_a_file(tmp_path):
    rounds = 150
    seen, left = child(
        """
        def saving(model):
            def run():
                for _ in range(int(sys.argv[2])):
                    save(model, path)
                os._exit(0)
            return run

        save(old, path)
        running = set()
        for model in (old, new):
            pid = os.fork()
            if pid == 0:
                saving(model)()
            running.add(pid)
        seen = []
        while running:
            seen.append(NAMES[load(path).nouts[0]])
            assert load(path).state_dict() in (old.state_dict(), new.state_dict())
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid:
                assert status == 0
                running.remove(pid)
        print(json.dumps([seen, os.listdir(os.path.dirname(path))]))
        """,
        tmp_path / "m.json",
        rounds,
    )
    assert left == ["m.json"]
    assert set(seen) == {"old", "new"}
    assert sum(a != b for a, b in pairwise(seen)) > 5  # the two really took turns


# --- loading what somebody else wrote ---


def whole_file(path, dropout=True):
    """A saved model of all kinds of modules, with optimiser, scheduler and extra; as bytes."""
    layers = [Conv2d(1, 1, 2, rng=0), Flatten(), Linear(1, 2, rng=1), BatchNorm(2)]
    layers += [Activation("relu"), MLP(2, [2, 1], ["sin"], "linear", rng=3)]
    if dropout:  # its generator is 625 numbers long, and would be most of what is damaged
        layers += [Dropout(0.5, rng=2)]
    model = Sequential(*layers)
    optimizer = Adam(model.parameters(), lr=0.1)
    optimizer.step()
    save(model, path, optimizer, ReduceLROnPlateau(optimizer), extra={"pair": (1, math.nan)})
    return path.read_bytes()


class Loader:
    """Offers files to load and load_state; each must be taken or be refused by one LoadError."""

    def __init__(self, path):
        self.path = path
        self.whole = whole_file(path, dropout=False)
        self.model = load(path)
        self.optimizer = Adam(self.model.parameters(), lr=0.5)
        self.scheduler = ReduceLROnPlateau(self.optimizer, patience=3)
        self.before = self.states()
        self.files = self.refused = 0
        self.slowest = 0.0

    def states(self):
        return repr([self.optimizer.state_dict(), self.scheduler.state_dict()])

    def load(self, data):
        """The model of such a file, or None when it is refused."""
        model = self._try(data, load)
        assert model is None or all(type(x) is float for x in model.state_dict().values())
        return model

    def load_state(self, data):
        """Both states, and they can be gone on from, or none."""
        if self._try(data, lambda path: load_state(path, self.optimizer, self.scheduler) or 1):
            self.optimizer.step()
            self.scheduler.step(1.0)
            self.before = self.states()
        assert self.states() == self.before

    def _try(self, data, read):
        self.path.unlink()  # a file cut to nothing and written again is flushed by some systems
        self.path.write_bytes(data)
        self.files += 1
        start = time.perf_counter()
        try:
            return read(self.path)
        except LoadError as error:
            message = str(error)
        finally:
            self.slowest = max(self.slowest, time.perf_counter() - start)
        assert message.startswith(f"cannot load {self.path}: ")
        assert len(message) < len(str(self.path)) + 1000
        self.refused += 1
        return None


@pytest.fixture
def loader(tmp_path):
    loader = Loader(tmp_path / "m.json")
    yield loader
    assert loader.slowest < 5.0  # seconds, on a busy machine; the files are small


def refused_or_the_same(loader, data, model):
    """Damage is refused, by both, or has hit nothing that matters."""
    loaded = loader.load(data)
    assert loaded is None or repr(loaded.state_dict()) == repr(model.state_dict())
    if loader.files % 20 == 1:
        loader.load_state(data)


@pytest.fixture
def small(tmp_path):
    """A small saved model, as bytes and as it was."""
    model = Sequential(Linear(2, 1, rng=0), Activation("relu"))
    path = tmp_path / "small.json"
    save(model, path, SGD(model.parameters(), lr=0.1, momentum=0.5))
    return path.read_bytes().rstrip(), model


def test_11000_times_flipped_bits_are_refused_or_harmless(loader, small):
    rng, (whole, model) = random.Random(0), small
    for _ in range(11_000):
        data = bytearray(whole)
        for _ in range(rng.choice([1, 1, 2, 8])):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        refused_or_the_same(loader, data, model)
    assert loader.refused > 0.99 * loader.files  # a flip in white space may do no harm


def test_every_truncation_is_refused(loader, small):
    whole, model = small
    for n in range(len(whole)):
        refused_or_the_same(loader, whole[:n], model)
    assert loader.refused == loader.files > 500
    assert loader.load(whole)


def test_7000_cut_doubled_and_overwritten_pieces_are_refused_or_harmless(loader, small):
    rng, (whole, model) = random.Random(1), small
    for _ in range(7000):
        i, j = sorted(rng.randrange(len(whole) + 1) for _ in range(2))
        j = min(j, i + rng.choice([1, 5, 50, 5000]))
        piece = rng.choice([b"", whole[i:j] * 2, rng.randbytes(j - i), whole[i:j][::-1]])
        refused_or_the_same(loader, whole[:i] + piece + whole[j:], model)
    assert loader.refused > 0.9 * loader.files  # one byte turned around is no change


# What is put in the place of anything, as JSON text: of every type, and large, odd or nested.
HOSTILE = [
    "null", "true", "false", "0", "-1", "2", "1000000000", "9007199254740993", "9" * 400,
    "-0.0", "0.5", "1e308", "1e400", "-1e400", "5e-324", "-" + "9" * 400,
    '""', '"1"', '"nan"', '"-inf"', '"MLP"', '"relu"', '"\\ud800"', '"\\u0000"', '"\\u001b[2J"',
    '"' + "x" * 10_000 + '"', "[]", "[[]]", "[1]", "[null, true]", '["relu"]',
    '[1000000000, "aa"]', "{}", '{"": 0}', '{"class": "Flatten"}',
    '{"class": "Sequential", "layers": []}',
    '{"class": "Linear", "nin": 1000000000, "nout": 1000000000}',
    '{"$float": "nan"}', '{"$float": {}}', '{"$float": "inf", "a": 1}',
    '{"$tuple": []}', '{"$tuple": 5}', '{"$tuple": {"a": 1}}',
    "[" * 300 + "]" * 300,
]  # fmt: skip


def places(tree, path=()):
    """The path to every part of a JSON tree; of a list of numbers only to the first two."""
    items = []
    if isinstance(tree, dict):
        items = list(tree.items())
    elif isinstance(tree, list):
        items = list(enumerate(tree))[:2]
    for key, part in items:
        yield (*path, key)
        yield from places(part, (*path, key))


def put(content, path, text):
    """The content, as JSON text, with another text in one place."""
    tree = copy.deepcopy(content)
    part = tree
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = "THE PLACE"
    return json.dumps(tree).replace('"THE PLACE"', text, 1)


def signed(text):
    """A file of such a content with a right checksum, as an attacker would make it."""
    checksum = _checksum(json.loads(text))
    head = '{"format": "micrograd_like model", "version": 1, "checksum": "%s", "content": %s}'
    return (head % (checksum, text)).encode()


def test_every_wrong_thing_in_every_place_behind_a_right_checksum(loader):
    content = json.loads(loader.whole)["content"]
    for path in places(content):
        for text in HOSTILE:
            data = signed(put(content, path, text))
            loader.load_state(data)
            if path[0] not in ("optimizer", "scheduler"):
                loader.load(data)
    assert loader.files > 5500
    assert 0.3 * loader.files < loader.refused < loader.files


def test_2000_contents_with_several_wrong_things_behind_a_right_checksum(loader):
    rng, content = random.Random(2), json.loads(loader.whole)["content"]
    for _ in range(2000):
        tree = content
        for _ in range(rng.randrange(1, 4)):
            everywhere = list(places(tree))
            text = rng.choice(HOSTILE[:-1])
            if rng.random() < 0.5:  # another part of the file, in a place where it does not belong
                part = tree
                for key in rng.choice(everywhere):
                    part = part[key]
                text = json.dumps(part)
            tree = json.loads(put(tree, rng.choice(everywhere), text))
        data = signed(json.dumps(tree).replace("Infinity", "1e400"))
        loader.load_state(data)
        model = loader.load(data)
        if model is not None and rng.random() < 0.1:  # it is a model like any other
            save(model, loader.path)
            assert repr(load(loader.path).state_dict()) == repr(model.state_dict())
    assert 0.5 * loader.files < loader.refused < loader.files


def test_a_missing_or_a_double_key_anywhere_is_refused(loader):
    content = json.loads(loader.whole)["content"]
    for path in places(content):
        if not isinstance(path[-1], str) or path[0] == "extra":
            continue
        tree = part = copy.deepcopy(content)
        for key in path[:-1]:
            part = part[key]
        value = part.pop(path[-1])
        needed_by_load = path[0] not in ("optimizer", "scheduler") or len(path) == 1
        assert (loader.load(signed(json.dumps(tree))) is None) == needed_by_load
        loader.load_state(signed(json.dumps(tree)))
        part["TWICE"] = value
        key = json.dumps(path[-1])
        twice = json.dumps(tree).replace('"TWICE":', f"{key}: 0, {key}:", 1)
        assert not loader.load(signed(twice))


@pytest.mark.parametrize(("left", "middle", "right"), [("[", "", "]"), ('{"a":', "0", "}")])
def test_nesting_of_200_000_anywhere_is_refused(loader, left, middle, right):
    content = json.loads(loader.whole)["content"]
    deep = left * 200_000 + middle + right * 200_000
    for path in places(content):
        text = put(content, path, deep)
        document = '{"format": "micrograd_like model", "version": 1, "checksum": "", "content": %s}'
        assert not loader.load((document % text).encode())


@pytest.mark.parametrize(
    "document",
    [
        "", "null", "0", "[]", '""', "{}", "NaN", "-Infinity", "\ufeff{}", "1" * 5000, "1e9999",
        '{"format": "micrograd_like model"}', '{"format": ["micrograd_like model"]}',
        '{"format": "micrograd_like model", "version": 1}',
        '{"format": "micrograd_like model", "version": true, "content": {}}',
        '{"format": "micrograd_like model", "version": 1e400, "content": {}}',
        '{"format": "micrograd_like model", "version": 1, "content": {}, "checksum": null}',
        '{"format": "micrograd_like model", "version": 1, "content": [], "checksum": %s}',
        '{"format": "micrograd_like model", "version": 1, "content": null, "checksum": %s}',
    ],
)  # fmt: skip
def test_a_document_that_is_wrong_from_its_first_byte_is_refused(loader, document):
    for content in ("[]", "null"):
        text = document.replace("%s", f'"{_checksum(json.loads(content))}"')
        for encoding in ("utf-8", "utf-16", "utf-32"):
            assert not loader.load(text.encode(encoding))


def test_a_generator_state_that_is_damaged_is_refused_or_a_generator(tmp_path):
    path = tmp_path / "m.json"
    content = json.loads(whole_file(path))["content"]
    refused = 0
    for place in places(content["generators"], ("generators",)):
        for text in HOSTILE:
            path.write_bytes(signed(put(content, place, text)))
            try:
                model = load(path)
            except LoadError:
                refused += 1
            else:
                assert 0.0 <= model.layers[-1].rng.random() < 1.0
    assert refused > 100


# --- Ctrl-C ---


# A signal that comes while a finaliser runs is reported and dropped by Python: no fault of ours.
dropped_signals = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@contextmanager
def signal_after(seconds):
    """A real signal raises KeyboardInterrupt after that time, wherever the program is then."""

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def interrupted(seconds, function):
    """Whether the function was cut off by a signal after that time."""
    try:
        with signal_after(seconds):
            function()
    except KeyboardInterrupt:
        return True
    return False


def duration(function):
    """The best of three, in seconds: the first run, or a busy machine, may be much slower."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


@dropped_signals
def test_backward_interrupted_at_200_moments_writes_all_gradients_or_none():
    leaves, rng = [Value(1.0) for _ in range(5000)], random.Random(0)
    out = apply(SUM, *leaves)  # little to compute and much to write
    seconds, cut = duration(out.backward), 0
    for _ in range(200):
        for v in leaves:
            v.grad = 3.0
        cut += interrupted(rng.uniform(1e-6, 1.2 * seconds), out.backward)
        assert {v.grad for v in leaves} in ({3.0}, {4.0})
    assert cut > 20
    out.backward()
    assert len({v.grad for v in leaves}) == 1


def stopping(function):
    """A way to interrupt a function at any call or return, Python's or C's: whether one came."""
    count = stop = 0

    def profile(frame, event, argument):
        nonlocal count, stop
        count += frame.f_code is not run.__code__
        if count == stop:
            stop = 0
            raise KeyboardInterrupt

    def run(at):
        nonlocal count, stop
        count, stop = 0, at
        sys.setprofile(profile)
        try:
            function()
        except KeyboardInterrupt:
            return True
        finally:
            sys.setprofile(None)
        return False

    return run


@dropped_signals
def test_a_save_interrupted_at_any_call_leaves_the_old_file_or_the_new_one_and_no_other(tmp_path):
    path, old, new = tmp_path / "m.json", Neuron(1, rng=1), Neuron(2, rng=2)
    save(old, path)
    found, at, cut = [], 0, True
    while cut:
        at += 1
        cut = stopping(lambda: save(new, path))(at)
        assert os.listdir(tmp_path) == ["m.json"]
        found.append(load(path).nin)
        if found[-1] == new.nin:
            save(old, path)
    assert found == sorted(found)
    assert set(found) == {1, 2}


@pytest.mark.parametrize("make", [SGD, Adam], ids=["SGD", "Adam"])
def test_a_step_interrupted_at_any_call_moves_all_parameters_or_none(make):
    def start():
        parameters = [Value(float(i)) for i in range(5)]
        for p in parameters:
            p.grad = 1.0
        optimizer = make(parameters, lr=0.1)
        return optimizer, lambda: ([p.data for p in parameters], optimizer.state)

    optimizer, state = start()
    before = state()
    optimizer.step()
    after = state()
    at, cut = 0, True
    while cut:
        at += 1
        optimizer, state = start()
        cut = stopping(optimizer.step)(at)
        assert state() in (before, after)
    assert at > 20


@dropped_signals
def test_fit_interrupted_at_40_moments_leaves_a_model_that_works_and_can_start_again():
    X = [[0.1 * i, (-1.0) ** i] for i in range(12)]
    y = [0.5 * a - b for a, b in X]

    def train(model):
        adam = Adam(model.parameters(), lr=0.05)
        fit(model, X, y, mse_loss, adam, epochs=4, batch_size=4, progress=False)

    def fresh():
        return MLP(2, [6, 1], output_activation="linear", rng=0)

    whole = fresh()
    train(whole)
    seconds, rng, cut = duration(lambda: train(fresh())), random.Random(0), 0
    for _ in range(40):
        model = fresh()
        cut += interrupted(rng.uniform(1e-6, 1.1 * seconds), lambda m=model: train(m))
        assert all(math.isfinite(number) for number in predict(model, X))
        assert (Value(1.0) * 2.0).inputs  # recording is on
        model.load_state_dict(fresh().state_dict())
        train(model)
        assert model.state_dict() == whole.state_dict()
        assert not model.training
    assert cut > 10


# --- everything that writes several things: all of it or nothing ---


def parts_of(*things):
    """What can be compared of models, optimisers, schedules and Values."""
    found = []
    for thing in things:
        if isinstance(thing, Value):
            found.append((thing.data, thing.grad))
        else:
            found.append(copy.deepcopy(thing.state_dict()))
            if hasattr(thing, "modules"):
                found.append([m.training for m in thing.modules()])
                found.append([p.grad for p in thing.parameters()])
            if hasattr(thing, "optimizer"):
                found.append(thing.optimizer.lr)
    return found


def small_model():
    model = Sequential(Linear(1, 2, rng=0), BatchNorm(2))
    for p in model.parameters():
        p.grad = 2.0
    return model


def shifted(state):
    return {name: number + 1.0 for name, number in state.items()}


def loading_a_model():
    model = small_model()
    state = shifted(model.state_dict())
    return lambda: model.load_state_dict(state), model


def loading_an_optimizer():
    adam, other = (Adam(small_model().parameters(), lr=lr) for lr in (0.1, 0.2))
    other.step()
    state = other.state_dict()
    return lambda: adam.load_state_dict(state), adam


def loading_a_schedule():
    plateau, other = (ReduceLROnPlateau(SGD([Value(0.0)], lr=lr)) for lr in (0.1, 0.2))
    other.step(3.0)
    state = other.state_dict()
    return lambda: plateau.load_state_dict(state), plateau


def loading_a_file():
    model = small_model()
    twins = [Adam(model.parameters(), lr=lr) for lr in (0.1, 0.2)]
    schedules = [StepLR(adam, 1) for adam in twins]
    twins[1].step()
    schedules[1].step()
    path = Path(tempfile.mkdtemp(), "m.json")
    save(model, path, twins[1], schedules[1])
    return lambda: load_state(path, twins[0], schedules[0]), twins[0], schedules[0]


def stepping_a_plateau():
    plateau = ReduceLROnPlateau(SGD([Value(0.0)], lr=0.1), patience=0)
    plateau.best = 1.0
    return lambda: plateau.step(2.0), plateau


def stepping_a_schedule():
    schedule = StepLR(SGD([Value(0.0)], lr=0.1), 1)
    return schedule.step, schedule


def stepping_an_optimizer():
    model = small_model()
    return Adam(model.parameters()).step, model


def restoring_the_best():
    model, stop = small_model(), EarlyStopping("loss")
    stop.best_state = shifted(model.state_dict())
    return lambda: stop.finish(model), model


def differentiating():
    model = small_model()
    loss = mse_loss([out[0] for out in model.eval().batch([[1.0], [2.0]])], [0.0, 1.0])
    return loss.backward, model


def averaging_a_batch():
    model = small_model()
    return lambda: model.batch([[1.0], [2.0]]), model


def clipping():
    model = small_model()
    return lambda: clip_grad_norm_(model.parameters(), 1.0), model


def writing(name):
    def make():
        model = small_model()
        return getattr(model, name), model

    make.__name__ = name
    return make


def resetting_an_optimizer():
    model = small_model()
    return SGD(model.parameters(), lr=0.1).zero_grad, model


def checking_gradients():
    v, w = Value(0.5), Value(2.0)
    return lambda: gradcheck(lambda: v * w, parameters=[v, w]), v, w


WRITERS = [
    loading_a_model, loading_an_optimizer, loading_a_schedule, loading_a_file, stepping_a_plateau,
    stepping_a_schedule, stepping_an_optimizer, restoring_the_best, differentiating, clipping,
    averaging_a_batch, writing("zero_grad"), writing("eval"), resetting_an_optimizer,
    checking_gradients,
]  # fmt: skip
LONG = {
    "loading_a_file": 53, "checking_gradients": 61, "stepping_an_optimizer": 7, "clipping": 7,
    "loading_an_optimizer": 11, "averaging_a_batch": 11, "differentiating": 11, "zero_grad": 5,
    "loading_a_model": 41, "restoring_the_best": 41, "eval": 5,
}  # fmt: skip


def check_all_or_nothing(make, step):
    def started():
        work, *things = make()
        return work, lambda: parts_of(*things)

    before, after, found = outcomes(started, step=step)
    assert all(state in (before, after) for state in found)
    return len(found)


@dropped_signals
@pytest.mark.parametrize("make", WRITERS, ids=lambda make: make.__name__)
def test_what_is_interrupted_at_any_event_is_done_or_not_done(make):
    assert check_all_or_nothing(make, LONG.get(make.__name__, 1)) > 10


@pytest.mark.slow
@dropped_signals
@pytest.mark.parametrize("make", WRITERS, ids=lambda make: make.__name__)
def test_what_is_interrupted_at_every_event_is_done_or_not_done(make):
    assert check_all_or_nothing(make, 1) > 10


# --- eight threads ---


@contextmanager
def many_switches():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def in_threads(functions):
    """What each function returns, all of them running at once; the first error is raised."""
    with many_switches(), ThreadPoolExecutor(len(functions)) as pool:
        return [future.result() for future in [pool.submit(f) for f in functions]]


def test_eight_threads_that_train_get_the_same_bits_as_one_after_the_other():
    def training(seed):
        def run():
            rng = random.Random(seed)
            X = [[rng.gauss(0.0, 1.0), rng.gauss(0.0, 1.0)] for _ in range(12)]
            layers = MLP(2, [5, 4], rng=seed), Dropout(0.2, rng=seed), Linear(4, 1, rng=1)
            model = Sequential(*layers)
            adam = Adam(model.parameters(), lr=0.05)
            y = [[a * b] for a, b in X]
            history = fit(
                model, X, y, mse_loss, adam, epochs=5, batch_size=5, seed=seed, progress=False,
                validation=(X, y), scheduler=StepLR(adam, 2), l2=0.01,
            )  # fmt: skip
            return repr([model.state_dict(), adam.state_dict(), history["loss"]])

        return run

    runs = [training(seed) for seed in range(8)]
    alone = [run() for run in runs]
    assert len(set(alone)) == 8
    assert in_threads(runs) == alone


def test_eight_threads_that_switch_recording_on_and_off_do_not_disturb_each_other():
    barrier = threading.Barrier(8, timeout=60.0)

    def switching(seed):
        rng = random.Random(seed)

        def nested(depth):
            """A random path through the modes; what was seen on it, and what should have been."""
            x, seen = Value(2.0), []
            for _ in range(4):
                barrier.wait()  # all threads change their mode at the same moments
                off = rng.random() < 0.5
                with no_grad() if off else nullcontext():
                    seen.append((bool((x * x).inputs), not off))
                    if depth:
                        inner = nested(depth - 1)
                        seen += [(got, wanted and not off) for got, wanted in inner]
                    barrier.wait()
                    seen.append((grad(x * x, x) == 4.0, not off))
            return seen

        return lambda: nested(2)

    for seen in in_threads([switching(seed) for seed in range(8)]):
        assert len(seen) == 2 * (4 + 16 + 64)
        assert {wanted for _, wanted in seen} == {True, False}
        assert all(got == wanted for got, wanted in seen)


def test_predict_and_evaluate_while_another_thread_trains_the_same_model():
    model = Sequential(Linear(1, 4, rng=0), Dropout(0.5, rng=0), Linear(4, 1, rng=1))
    X, y, stop, wrong = [[0.5], [1.0], [2.0]], [[1.0], [0.0], [1.0]], threading.Event(), []
    wanted = predict(model, X), evaluate(model, X, y, mse_loss)

    def train():
        while not stop.is_set():
            mse_loss(model.batch(X), y).backward()
            if not all(m.training for m in model.modules()):
                wrong.append("evaluation mode where it trains")

    def look():
        for _ in range(60):
            if (predict(model, X), evaluate(model, X, y, mse_loss)) != wanted:
                wrong.append("another prediction")

    thread = threading.Thread(target=train)
    thread.start()
    try:
        in_threads([look, look])
    finally:
        stop.set()
        thread.join()
    assert wrong == []


def test_overlapping_evaluations_leave_the_model_in_the_mode_it_was_in():
    model = Sequential(Linear(1, 4, rng=0), Dropout(0.5, rng=0), Linear(4, 1, rng=1))
    wanted = predict(model, [[0.5]])

    def look():
        return {predict(model, [[0.5]])[0] for _ in range(100)}

    assert in_threads([look] * 6) == [{wanted[0]}] * 6
    assert all(m.training for m in model.modules())


def test_a_compiled_prediction_of_a_model_in_training_is_that_of_evaluation_mode():
    pytest.importorskip("llvmlite")
    model = Sequential(Linear(1, 4, rng=0), Dropout(0.5, rng=0), BatchNorm(4), Linear(4, 1, rng=1))
    state = model.layers[1].rng.getstate()
    X = [[0.1 * i] for i in range(200)]
    compiled, python = predict(model, X, jit=True), predict(model, X, jit=False)
    assert compiled == pytest.approx(python, rel=1e-12)
    predict(model, X, jit="auto")
    assert model.training
    assert model.layers[1].rng.getstate() == state


FORKING = """
import os, threading, time
from micrograd_like.jit import jit

def f(*xs):
    out = xs[0]
    for x in xs:
        out = (out * x).tanh() + x.exp()
    return out

def work():
    for n in range(20, 50, 2):
        compiled(*[[0.5, 1.0]] * n)

compiled = jit(f)
thread = threading.Thread(target=work)
thread.start()
forks = wrong = 0
while thread.is_alive() and forks < 12:
    forks += 1
    time.sleep(0.02)
    pid = os.fork()
    if pid == 0:
        os._exit(len(compiled(*[[0.1, 1.0]] * forks)) != 2)
    wrong += os.waitpid(pid, 0)[1]
thread.join()
print(forks, wrong)
"""


def test_a_process_forked_while_another_thread_compiles_can_compile():
    pytest.importorskip("llvmlite")
    command = [sys.executable, "-W", "ignore", "-c", FORKING]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.stderr == ""
    forks, wrong = map(int, run.stdout.split())
    assert forks >= 2
    assert wrong == 0


def test_threads_that_compile_at_once_all_finish():
    jit = pytest.importorskip("micrograd_like.jit").jit
    shared = jit(lambda x: x.exp() * x)

    def compiling(n):
        own = jit(lambda x: (x * float(n)).tanh())
        return lambda: (own([0.5, 1.0]).tolist(), shared([0.5, 1.0]).tolist())

    results = in_threads([compiling(n) for n in range(4)])
    assert [own[0] for own, _ in results] == pytest.approx([math.tanh(0.5 * n) for n in range(4)])
    assert len({tuple(both) for _, both in results}) == 1
