// Run buttons: Python in the reader's browser, loaded when the first one is pressed.
// The blocks of a page share their names: whoever runs the third runs the first two before it.
"use strict";
(() => {
const here = document.currentScript.src;
const blocks = [...document.querySelectorAll("div.runs,.runs div.highlight")]
	.filter((block, i, all) => !all.some(other => other !== block && other.contains(block)))
	.map(element => ({element, done: false}));
let worker = null, waiting = null;

for (const block of blocks) {
	const bar = document.createElement("div"), button = document.createElement("button");
	const state = document.createElement("span"), output = document.createElement("pre");
	bar.className = "run";
	output.className = "run-output";
	output.hidden = true;
	button.type = "button";
	button.textContent = "Run";
	state.setAttribute("role", "status");
	bar.append(button, state);
	block.element.after(bar, output);
	Object.assign(block, {button, state, output});
	button.addEventListener("click", () => waiting ? stop() : run(block));
}

async function run(last) {
	if (location.protocol === "file:") {
		last.state.textContent = "Python cannot be loaded from a file: run \"python -m http.server\" " +
			"in this folder and open http://localhost:8000.";
		return;
	}
	const upTo = blocks.indexOf(last);
	for (const block of blocks.filter((b, i) => i === upTo || i < upTo && !b.done)) {
		last.button.textContent = "Stop";
		if (block !== last) last.state.textContent = "Running what is above first.";
		const right = await ask(block);
		last.button.textContent = "Run";
		if (!right) {
			if (block !== last) last.state.textContent = "A block above has not run to its end.";
			return;
		}
	}
}

function ask(block) {
	worker ??= new Worker(new URL("run-worker.js", here), {type: "module"});
	return new Promise(resolve => {
		const finish = (text, state, done) => {
			waiting = null;
			Object.assign(block, {done});
			block.state.textContent = state;
			block.output.textContent = text;
			block.output.hidden = !text;
			resolve(done);
		};
		waiting = () => finish("", "Stopped; the next Run begins anew.", false);
		worker.onmessage = ({data}) => data.loading ? block.state.textContent = data.loading :
			finish(data.text, data.state, data.done);
		worker.onerror = error => {
			const say = waiting;
			forget();
			if (say) finish("", "Python could not be loaded: " + (error.message || "is the site complete?"), false);
		};
		block.state.textContent = "Starting …";
		worker.postMessage(block.element.querySelector("pre").textContent);
	});
}

function forget() {
	worker.terminate();
	worker = null;
	for (const block of blocks) block.done = false;
}

function stop() {
	const say = waiting;
	forget();
	say();
}
})();
