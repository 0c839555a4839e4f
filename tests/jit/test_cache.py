"""What was compiled before is found again, in the process and on the disk, and only if it is that.

The suite itself compiles everything anew and has no cache on the disk (see the repository's
conftest.py): the tests here switch it on, in folders of their own.
"""

import json
import os
import random
import socket
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from micrograd_like import Value
from micrograd_like.jit import cache, jit, native
from micrograd_like.jit.native import RECENT, Module, Native, shape_of
from micrograd_like.losses import mse_loss
from micrograd_like.nn import MLP, Dropout, Linear, Sequential
from micrograd_like.optim import SGD, Adam
from micrograd_like.tape.tape import Put, Tape
from micrograd_like.train import fit

CALLS_LIBM = "x.log() * x.sin()"  # functions that must be found again in a new process


@pytest.fixture
def compiled(monkeypatch):
    """What has been compiled since."""
    made, own = [], Module.compile
    monkeypatch.setattr(Module, "compile", lambda *a, **k: made.append(1) or own(*a, **k))
    return made


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the files of the cache are in this test."""
    monkeypatch.setenv("MICROGRAD_LIKE_CACHE", str(tmp_path))
    return tmp_path / "machine_code"


def another_process():
    """As far as the disk is concerned."""
    RECENT.kept.clear()


def f(x):
    return x.log() * x.sin() + x


X = [0.5 + 0.25 * i for i in range(20)]  # they fill vectors
WANTED = [f(Value(x)).data for x in X]


def computed():
    return pytest.approx(WANTED, rel=1e-14) == jit(f)(X).tolist()


# --- in the process ---


def trained(seed=0, nouts=(3, 1), kind=Adam, samples=6, model=None, **options):
    rng = random.Random(seed)
    X = [[rng.gauss(0.0, 1.0) for _ in range(2)] for _ in range(samples)]
    model = model or MLP(2, list(nouts), rng=seed)
    own = {name: options.pop(name) for name in ("lr", "weight_decay", "eps") if name in options}
    optimizer = kind(model.parameters(), **{"lr": 0.05, "weight_decay": 0.01, **own})
    options = {"batch_size": 6, "jit": True, "l1": 0.01, **options}
    history = fit(
        model, X, [[sum(x)] for x in X], mse_loss, optimizer, epochs=3, progress=False, seed=seed,
        **options,
    )  # fmt: skip
    return [p.data for p in model.parameters()], history["loss"]


SAME = [
    {"seed": 5}, {"lr": 0.3, "weight_decay": 0.02, "eps": 1e-3}, {"l1": 0.3, "max_norm": 1.0},
    {"samples": 6 * 7, "batch_size": 5},
]  # fmt: skip
OTHERS = [
    {"nouts": (4, 1)}, {"kind": SGD}, {"weight_decay": 0.0}, {"l1": 0.0},
    {"samples": 40, "batch_size": 40},
]  # fmt: skip


def test_fits_that_differ_in_numbers_only_are_compiled_once(compiled):
    trained()
    for options in [*SAME, *OTHERS]:
        before = len(compiled)
        got, wanted = (trained(**options, jit=jit) for jit in (True, False))
        for one, other in zip(got, wanted):
            assert one == pytest.approx(other, rel=1e-9, abs=1e-12)
        assert (len(compiled) > before) == (options in OTHERS)


def test_five_folds_with_dropout_are_compiled_once(compiled):
    so_far = []
    for seed in range(5):
        layers = Linear(2, 3, rng=seed), Dropout(0.2, rng=seed), Linear(3, 1, rng=seed)
        trained(seed, model=Sequential(*layers))
        so_far.append(len(compiled))
    assert len({*so_far}) == 1


def example():
    tape = Tape(2, 1, [0.0, 2.0])
    tape.outputs = [tape.add("mul", (0, 4))]
    tape.sums = [tape.add("add", (5, 3))]
    return tape


def sums(*groups):
    """A tape of sums of these slots."""
    tape = Tape(3)
    for group in groups:
        tape.add("sum", group)
    return tape


def change(**attributes):
    return lambda tape: vars(tape).update(attributes)


CHANGES = {
    "an op": lambda tape: tape.code.__setitem__(0, tape.code[0]._replace(op="add")),
    "an argument": lambda tape: tape.code.__setitem__(0, tape.code[0]._replace(args=((1,), (4,)))),
    "order": lambda tape: tape.code.__setitem__(0, tape.code[0]._replace(args=((4,), (0,)))),
    "one less": lambda tape: tape.code.pop(),
    "a constant": change(constants=[0.0, 2.5]),
    "the sign of zero": change(constants=[-0.0, 2.0]),
    "scalars for inputs": change(inputs=1, scalars=2),
    "a scalar for a constant": change(scalars=2, constants=[2.0]),
    "an output": change(outputs=[6]),
    "an output more": change(outputs=[5, 5]),
    "a sum": change(sums=[5]),
    "the output as a sum": change(outputs=[], sums=[6, 5]),
    "a put": change(puts=[Put(0, 1, [2, 3])]),
    "what is still to be invented": change(more=range(3)),
}


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES.keys())
def test_a_tape_that_differs_in_anything_has_another_shape(changed):
    tape = example()
    assert shape_of(tape) == shape_of(example())
    changed(tape)
    assert shape_of(tape) != shape_of(example())


def test_the_same_slots_in_other_groups_have_another_shape():
    assert shape_of(sums((0, 1), (2, 0, 1))) != shape_of(sums((0, 1, 2), (0, 1)))


def test_no_element_of_a_long_table_is_left_out():
    one, other = Tape(1), Tape(1)
    one.puts, other.puts = [
        [Put(0, 0, np.arange(5000) * (np.arange(5000) != i))] for i in (1, 2500)
    ]
    assert shape_of(one) != shape_of(other)


def test_what_joins_to_the_same_bytes_is_not_the_same():
    assert cache.digest(b"ab", b"c") != cache.digest(b"a", b"bc") != cache.digest(b"abc")


def test_samples_in_other_strips_and_other_libraries_are_other_code(compiled):
    tape = example()
    same = [Native(tape, n).code for n in (98, 100, 100)]
    assert same[0] is same[1] is same[2]
    others = [same[0], Native(tape, 1).code, Native(tape, 100, vector_library=False).code]
    assert len({*map(id, others)}) == len(compiled) == 3


def test_only_the_last_are_kept_and_what_is_dropped_runs_on(compiled):
    first = Native(example(), 1)
    code = weakref.ref(first.code)
    for n in range(RECENT.most):
        RECENT.keep(bytes([n]), example())
    assert len(RECENT.kept) == RECENT.most
    assert Native(example(), 1).code is not first.code
    assert len(compiled) == 2
    assert first(np.array([[3.0], [0.0]]), [1.0])[0][0, 0] == 6.0
    work = first.work
    del first
    assert code()  # its function keeps it
    del work
    assert code() is None


def test_what_was_used_last_is_kept_longest():
    recent = cache.Recent(3)
    for n in range(3):
        recent.keep(b"%d" % n, n)
    assert recent.get(b"0") == 0
    recent.keep(b"3", 3)
    assert [recent.get(b"%d" % n) for n in range(4)] == [0, None, 2, 3]


def test_threads_that_want_the_same_compile_it_once(compiled):
    barrier = threading.Barrier(6)

    def run(n):
        barrier.wait()
        return Native(example(), 1).code

    with ThreadPoolExecutor(6) as pool:
        codes = list(pool.map(run, range(6)))
    assert len({*map(id, codes)}) == 1
    assert len(compiled) == 1


def test_the_llvm_code_and_the_tape_of_what_was_found_are_those_of_what_was_compiled(folder):
    first = jit(f)
    shown = first.llvm(X), str(first.tape(X))
    second = jit(f)
    assert (second.llvm(X), str(second.tape(X))) == shown
    another_process()
    third = jit(f)
    assert (third.llvm(X), str(third.tape(X))) == shown


# --- on the disk ---


SCRIPT = f"""
import sys
from micrograd_like.jit import jit, native
if sys.argv[1] == "found":
    native.Module.compile = None
print(jit(lambda x: {CALLS_LIBM})({X}).tolist())
"""


def test_a_new_process_finds_it_on_the_disk_and_gets_the_same_bits(folder):
    def run(word):
        command = [sys.executable, "-c", SCRIPT, word]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    made = run("made")
    (path,) = folder.iterdir()
    assert json.loads(made) == pytest.approx([w - x for w, x in zip(WANTED, X)], rel=1e-14)
    assert run("found") == made
    assert list(folder.iterdir()) == [path]


def test_fit_is_found_on_the_disk(compiled, folder, monkeypatch):
    first, once = trained(l2=0.01, max_norm=1.0), len(compiled)
    another_process()
    assert trained(l2=0.01, max_norm=1.0) == first
    monkeypatch.setenv("MICROGRAD_LIKE_CACHE", "off")
    assert trained(l2=0.01, max_norm=1.0) == first  # now it is in the process
    assert len(compiled) == once


def damaged(kind):
    """How to damage a file, and another one."""
    if kind == "truncated":
        return lambda path, other: path.write_bytes(path.read_bytes()[:-1])
    if kind == "longer":
        return lambda path, other: path.write_bytes(path.read_bytes() + b"\0")
    if kind == "of another program":
        return lambda path, other: path.write_bytes(other.read_bytes())
    if kind == "another file":
        return lambda path, other: path.write_bytes(b"{}\n" + bytes(range(256)) * 9)
    if kind == "empty":
        return lambda path, other: path.write_bytes(b"")

    def flip(path, other):
        data = bytearray(path.read_bytes())
        data[int(kind * (len(data) - 1))] ^= 1
        path.write_bytes(bytes(data))

    return flip


@pytest.mark.parametrize(
    "kind",
    ["truncated", "longer", "of another program", "another file", "empty", 0.0, 0.02, 1.0],
)
def test_a_damaged_file_is_compiled_anew_and_replaced(compiled, folder, kind):
    jit(lambda x: x * 3.0)(X)
    (other,) = folder.iterdir()
    assert computed()
    (path,) = set(folder.iterdir()) - {other}
    whole = path.read_bytes()
    damaged(kind)(path, other)
    another_process()
    assert computed()
    assert len(compiled) == 3
    assert path.read_bytes() == whole
    assert set(folder.iterdir()) == {path, other}


def a_socket(path):
    with socket.socket(socket.AF_UNIX) as own:
        own.bind(os.path.relpath(path))  # a long name is refused


NO_FILES = {
    "a folder": lambda path: path.mkdir(),
    "a pipe": os.mkfifo if hasattr(os, "mkfifo") else None,
    "a socket": a_socket,
    "a link to nothing": lambda path: path.symlink_to("nothing"),
}


@pytest.mark.skipif(os.name == "nt", reason="needs pipes, sockets, links")
@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_file_is_left_alone(compiled, folder, kind, monkeypatch):
    assert computed()
    (path,) = folder.iterdir()
    path.unlink()
    monkeypatch.chdir(folder)
    NO_FILES[kind](path)
    another_process()
    assert computed()
    assert len(compiled) == 2
    assert path.is_file() == (kind == "a link to nothing")


# --- a folder that cannot be used ---


def test_it_can_be_switched_off(compiled, tmp_path, monkeypatch):
    monkeypatch.setenv("MICROGRAD_LIKE_CACHE", "off")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        another_process()
        assert computed()
    assert len(compiled) == 2
    assert not list(tmp_path.iterdir())


def group_writable(folder):
    folder.mkdir()
    folder.chmod(0o770)


def read_only(folder):
    folder.mkdir()
    folder.chmod(0o500)


def linked(folder):
    own = folder.with_name("own")
    own.mkdir(0o700)
    (own / "precious").write_bytes(b"!")
    folder.symlink_to(own)


UNUSABLE = {
    "a file": lambda folder: folder.write_bytes(b""),
    "group-writable": group_writable,
    "read-only": read_only,
    "a link": linked,
}


@pytest.mark.skipif(os.name == "nt", reason="needs permissions")
@pytest.mark.parametrize("make", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_folder_that_is_not_ours_alone_is_not_used(compiled, folder, make):
    make(folder)
    there = sorted(folder.parent.rglob("*"))
    for _ in range(2):
        another_process()
        assert computed()
    if make is not read_only or os.geteuid():  # root may write there
        assert len(compiled) == 2
        assert sorted(folder.parent.rglob("*")) == there


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="there are no owners")
def test_what_another_user_owns_is_not_loaded(compiled, folder, monkeypatch):
    assert computed()
    another_process()
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    assert computed()
    assert len(compiled) == 2


@pytest.mark.skipif(os.name == "nt", reason="needs permissions")
def test_only_the_user_may_look_into_the_folder(folder):
    assert computed()
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["\0", "x" * 5000, "/dev/null", "/proc/none"])
def test_a_name_that_is_no_folder_is_no_error(compiled, monkeypatch, name):
    if "\0" in name:  # the system allows none in the environment
        monkeypatch.setattr(os, "environ", {"MICROGRAD_LIKE_CACHE": name})
    else:
        monkeypatch.setenv("MICROGRAD_LIKE_CACHE", name)
    for _ in range(2):
        another_process()
        assert computed()
    assert len(compiled) == 2


def test_a_full_disk_is_no_error(compiled, folder):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        for _ in range(2):
            another_process()
            right = computed()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert right
    assert len(compiled) == 2
    assert list(folder.iterdir()) == []


PLACES = {
    "linux": ("linux", {}, ".cache/micrograd_like"),
    "linux, elsewhere": ("linux", {"XDG_CACHE_HOME": "/far/away"}, "/far/away/micrograd_like"),
    "linux, relative": ("linux", {"XDG_CACHE_HOME": "away"}, ".cache/micrograd_like"),
    "macOS": ("darwin", {"XDG_CACHE_HOME": "/far"}, "Library/Caches/micrograd_like"),
    "Windows": ("win32", {"LOCALAPPDATA": "/local"}, "/local/micrograd_like"),
    "Windows, old": ("win32", {}, "AppData/Local/micrograd_like"),
}


@pytest.mark.skipif(os.name == "nt", reason="paths with /")
@pytest.mark.parametrize(("system", "variables", "wanted"), PLACES.values(), ids=PLACES.keys())
def test_each_system_has_its_place_for_caches(monkeypatch, tmp_path, system, variables, wanted):
    made = []
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(os, "makedirs", lambda path, *_, **__: made.append(path))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("MICROGRAD_LIKE_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache.load(b"key") is None
    assert made == [str(tmp_path / wanted / "machine_code")]


# --- what it depends on, how much it keeps ---


def test_another_compiler_or_processor_finds_nothing(compiled, folder, monkeypatch):
    assert computed()
    for name, value in (("CPU", "another"), ("FEATURES", "+none")):
        with monkeypatch.context() as changed:
            changed.setattr(native, name, value)
            origin = native._origin()
        assert origin != native.ORIGIN
        monkeypatch.setattr(native, "ORIGIN", origin)
        another_process()
        assert computed()
    assert len(compiled) == 3
    assert len(list(folder.iterdir())) == 3


def test_other_sources_are_another_compiler(tmp_path, monkeypatch):
    own = native._origin()
    for room, file in (("jit", "emit.py"), ("tape", "reroll.py")):
        (tmp_path / room).mkdir()
        (tmp_path / room / file).write_bytes(b"x = 1\n")
    monkeypatch.setattr(native, "__file__", str(tmp_path / "jit" / "native.py"))
    first = native._origin()
    (tmp_path / "tape" / "reroll.py").write_bytes(b"x = 2\n")
    assert len({own, first, native._origin()}) == 3


def test_without_sources_nothing_is_stored(compiled, folder, tmp_path, monkeypatch):
    with monkeypatch.context() as changed:
        changed.setattr(native, "__file__", str(tmp_path / "jit" / "native.pyc"))
        assert native._origin() == b""
    monkeypatch.setattr(native, "ORIGIN", b"")
    for _ in range(2):
        another_process()
        assert computed()
    assert len(compiled) == 2
    assert not folder.exists()


def test_a_function_that_the_math_library_has_not_is_no_crash(compiled, folder, monkeypatch):
    assert computed()
    another_process()
    lost = iter([None])  # once
    monkeypatch.setattr(native, "address", lambda name, own=native.address: next(lost, own(name)))
    assert computed()
    assert len(compiled) == 2


def test_the_oldest_files_make_room(folder, monkeypatch):
    monkeypatch.setattr(cache, "ROOM", 1000)
    keys = [cache.digest(bytes([n])) for n in range(30)]
    for n, key in enumerate(keys):
        cache.store(key, b"x" * 150)
        os.utime(folder / key.hex(), (n, n))
        assert sum(path.stat().st_size for path in folder.iterdir()) <= 1000
    found = [cache.load(key) is not None for key in keys]
    assert found == [False] * 25 + [True] * 5
    cache.store(keys[0], b"x" * 2000)  # which has no room at all
    assert cache.load(keys[0]) is None


RACING = """
import os, sys, time
from micrograd_like.jit import cache
key, datas = cache.digest(b"key"), [bytes([n]) * 200_000 for n in range(3)]
children = []
for data in datas:
    pid = os.fork()
    if pid == 0:
        for _ in range(20):
            cache.store(key, data)
        os._exit(0)
    children.append(pid)
seen = set()
while children:
    seen.add(cache.load(key))
    if os.waitpid(children[-1], os.WNOHANG)[0]:
        children.pop()
print(sorted(map(datas.index, seen - {None})), len(os.listdir(sys.argv[1])))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_processes_that_write_the_same_entry_leave_one_that_is_whole(folder):
    command = [sys.executable, "-c", RACING, folder]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.stderr == ""
    seen, files = run.stdout.rsplit(" ", 1)
    assert json.loads(seen)
    assert int(files) == 1


FORKING = """
import os, threading, time
from micrograd_like.jit import jit, native

compiled = jit(lambda x: x.log() * 3.0)
compiled([1.0, 2.0])

def work():
    for n in range(6):
        jit(lambda x: x.log() * float(n) + n)([0.5, 1.0])

def in_child(n):
    again = jit(lambda x: x.log() * 3.0)([1.0, 2.0])[0]  # found
    new = jit(lambda x: x.sin() * float(n + 100))([0.0, 2.0])[0]
    native.RECENT.kept.clear()  # and freed
    os._exit(int((again, new) != (0.0, 0.0)))

thread = threading.Thread(target=work)
thread.start()
wrong = forks = 0
while thread.is_alive() or forks < 3:
    forks += 1
    pid = os.fork()
    if pid == 0:
        in_child(forks)
    wrong += os.waitpid(pid, 0)[1]
    time.sleep(0.01)
thread.join()
print(wrong)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_fork_finds_what_was_compiled_compiles_and_frees(folder):
    command = [sys.executable, "-W", "ignore", "-c", FORKING]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (run.stdout, run.stderr) == ("0\n", "")


# --- memory ---

GROWING = """
import sys
from micrograd_like.jit import jit, native

def size():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

def compile(n):
    jit(lambda x: x.log() * float(n) + x)([0.5, 1.0])

native.RECENT.most = 4
for n in range(10):
    compile(n)
before = size()
for n in range(10, 10 + int(sys.argv[1])):
    compile(n)
print(size() - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's /proc")
@pytest.mark.parametrize("count", [40, pytest.param(1000, marks=pytest.mark.slow)])
def test_what_was_compiled_and_dropped_leaves_no_memory_behind(count):
    command = [sys.executable, "-c", GROWING, str(count)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.stderr == ""
    # 1.5 kB a program stay in llvmlite 0.50, with the callbacks of a pass builder
    assert int(run.stdout) < 500_000 + 3000 * count
