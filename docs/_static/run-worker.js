// Where Python runs, so that the page stays alive: Pyodide, with the package's own wheel.
// A block is run as doctest runs it: what it should print stands in it.
import {loadPyodide} from "./python/pyodide.mjs";

const SESSION = `
import contextlib, doctest, io, linecache, traceback

names = {"__name__": "__main__"}
blocks = []

def show(error):
    lines = traceback.format_exception(error)
    inner = [i for i, line in enumerate(lines) if '"<run' in line]
    return "".join(lines[:1] + lines[inner[0]:] if inner else lines)

def run(text):
    """What a block prints, as a session; whether that is what stands in it; whether it ran through."""
    written, same = [], True
    same_output = doctest.OutputChecker().check_output
    for example in doctest.DocTestParser().get_examples(text):
        flags = doctest.NORMALIZE_WHITESPACE | sum(k for k, on in example.options.items() if on)
        blocks.append(example.source)
        name = f"<run {len(blocks)}>"
        linecache.cache[name] = len(example.source), None, example.source.splitlines(True), name
        printed, error = io.StringIO(), None
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            try:
                exec(compile(example.source, name, "single"), names)
            except BaseException as problem:
                error = problem
        written.append(printed.getvalue())
        if error is not None:
            written.append(show(error))
            if example.exc_msg is None:
                return "".join(written), False, False
            same &= traceback.format_exception_only(error)[-1] == example.exc_msg
        elif example.want or printed.getvalue():
            same &= same_output(example.want, printed.getvalue(), flags)
    return "".join(written), same, True
`;

const ready = (async () => {
	postMessage({loading: "Loading Python (13 MB, once) …"});
	const python = await loadPyodide({indexURL: new URL("./python/", import.meta.url).href});
	const wheel = await fetch(new URL("./python/micrograd_like.whl", import.meta.url));
	python.unpackArchive(await wheel.arrayBuffer(), "wheel");
	python.runPython(SESSION);
	return python;
})();
ready.catch(error => setTimeout(() => { throw error; }));

onmessage = async ({data}) => {
	const python = await ready;
	postMessage({loading: "Running …"});
	const [text, same, done] = python.globals.get("run")(data).toJs();
	const state = !done ? "An error." : !same ? "Done; not what stands above." :
		text ? "Done: what stands above." : "Done; it prints nothing.";
	postMessage({text, state, done});
};
