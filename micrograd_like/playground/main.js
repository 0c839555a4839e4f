// main.js: buttons, keys, fingers, and the frames in which it all moves.

const frame = {playing: false, drawn: 0, worded: 0};
const on = (target, name, f, how) => target.addEventListener(name, f, how);
const calm = matchMedia("(prefers-reduced-motion:reduce)"), dark = matchMedia("(prefers-color-scheme:dark)");
const hasMap = !data.step.code.some(row => row[0] === "take");

// --- drawing ---

// All that follows from the numbers; words only where they can be read.
function draw(words = true) {
	if (hasMap) drawMap();
	drawNetwork();
	drawCurve();
	$("back").disabled = !training.past.length;
	if (!words) return;
	writeWords();
	if (data.columns.length) nameNeurons();
	nameMap();
	if (training.stopped || $("message").className) say(training.stopped);
}

function refresh() {
	writeSettings();
	draw();
}

function say(text) {
	if ($("message").textContent === text) return;
	$("message").textContent = text;
	$("message").className = training.stopped === text ? "warn" : "";
}

function nameMap() {
	const i = view.sample, chosen = i < 0 ? "no sample selected" : `sample ${i} at ${view.axes.map(k => short(samples.columns[k][i])).join(", ")}, target ${short(targetOf(i))}`;
	$("map").ariaLabel = `Map of the output with ${samples.count} samples; ${chosen}`;
	for (const id of ["change", "remove"]) $(id).disabled = i < 0;
	$("explore").disabled = $("explore").title = notExplored();
	$("change").hidden = isNumber;
}

function tick(now) {
	if (!frame.playing) return;
	requestAnimationFrame(tick);
	if (calm.matches && now - frame.drawn < 500) return;     // two pictures a second
	const began = performance.now();
	for (let i = 0; i < settings.speed && frame.playing; i++) {
		if (!step()) setPlaying(false);
		if (performance.now() - began > 60) break;           // a slow network still answers
	}
	frame.drawn = now;
	lookAtHeld();
	const words = now - frame.worded > 300 || !frame.playing;
	if (words) frame.worded = now;
	draw(words);
}

function lookAtHeld() {
	const held = places(true), {steps} = training.now;
	if (held.length && training.heldLosses.at(-1)?.[0] !== steps) training.heldLosses.push([steps, lossOf(held)]);
}

function setPlaying(playing) {
	frame.playing = playing && !training.stopped;
	$("play").textContent = frame.playing ? "Pause" : "Play";
	$("play").ariaPressed = frame.playing;
	if (frame.playing) requestAnimationFrame(tick);
	else draw();
}

// --- buttons and settings ---

const actions = {
	play: () => setPlaying(!frame.playing),
	step: () => {
		setPlaying(false);
		step();
		lookAtHeld();
		draw();
	},
	back: () => {
		setPlaying(false);
		back();
		draw();
	},
	reset: () => {
		setPlaying(false);
		setSamples(data.samples);
		samples.edited = false;
		view.sample = min(view.sample, samples.count - 1);
		Object.assign(settings, {rate: data.lr, batch: min(settings.batch, samples.count)});
		begin();
		setRanges();
		refresh();
	},
	link: copyLink,
	save: savePicture,
	help: () => {
		$("keys").hidden = !$("keys").hidden;
		$("help").ariaExpanded = !$("keys").hidden;
	},
	change: () => edit(() => changeClass(view.sample)),
	add: () => edit(() => view.sample = addSample(newRow(view.ranges.map(([low, high]) => (low + high) / 2)))),
	remove: () => edit(() => {
		if (samples.count > 2) removeSample(view.sample);
		else say("Two samples have to stay.");
		view.sample = min(view.sample, samples.count - 1);
	}),
	explore: openExplorer,
};

function act(name) {
	say("");
	actions[name]();
}

const BATCHES = [];
for (let n = 1; n < data.samples.length; n *= 2) BATCHES.push(n);
BATCHES.push(MOST);

function writeSettings() {
	const shown = {rate: short(settings.rate), batch: settings.batch >= samples.count ? "all" : settings.batch, speed: settings.speed};
	$("rate").value = Math.log10(settings.rate || 1e-6);
	$("batch").value = settings.batch >= samples.count ? BATCHES.length - 1 : BATCHES.findIndex(n => n >= settings.batch);
	$("speed").value = settings.speed;
	$("held").value = settings.held;
	for (const id in shown) {
		$(`${id}-shown`).textContent = shown[id];
		$(id).ariaValueText = shown[id];
	}
	$("across").value = view.axes[0];
	$("up").value = view.axes[1];
	$("which").value = view.output;
	writeLegend();
}

const setters = {
	rate: () => settings.rate = +(10 ** $("rate").value).toPrecision(3),
	batch: () => settings.batch = BATCHES[$("batch").value],
	speed: () => settings.speed = +$("speed").value,
	held: () => {
		settings.held = +$("held").value;
		training.heldLosses = [];
		lookAtHeld();
	},
	across: () => view.axes = [+$("across").value, view.axes[1]],
	up: () => view.axes = [view.axes[0], +$("up").value],
	which: () => view.output = +$("which").value,
};

// --- samples ---

function edit(change) {
	if (data.inputs && hasMap) change();
	samples.edited = true;
	training.stopped = "";
	draw();
	writeSettings();
}

function changeClass(i) {
	if (i < 0 || isNumber) return;
	const k = (classOf(i) + 1) % data.classes.length;
	samples.columns[data.inputs][i] = data.classes[k];
}

// The other inputs are their mean; the target is that of the selected sample, or of the first.
function newRow(point) {
	const row = rowOf(max(0, view.sample)).map((x, k) => k < data.inputs ? mean(used(k)) : x);
	view.axes.forEach((k, i) => row[k] = isFree(k) ? point[i] : row[k]);
	return row;
}

// Whether the number of a sample follows its place on the map: no class does.
const isFree = k => k < data.inputs || isNumber;

function watchMap() {
	const canvas = $("map");
	let dragged = -1, reach = 12;
	on(canvas, "touchstart", event => {         // a finger beside the samples scrolls
		if (pointed(event.touches[0], 22).near >= 0) event.preventDefault();
	}, {passive: false});
	on(canvas, "pointerdown", event => {
		reach = event.pointerType === "touch" ? 22 : 12;
		view.sample = dragged = pointed(event, reach).near;
		if (dragged >= 0) canvas.setPointerCapture(event.pointerId);
		draw();
	});
	on(canvas, "pointermove", event => {
		if (dragged < 0 || !event.buttons) return;
		const {x, y} = pointed(event, reach), [across, up] = view.axes;
		samples.columns[across][dragged] = x;
		if (isFree(up)) samples.columns[up][dragged] = y;
		samples.edited = true;
		if (!frame.playing) draw();
	});
	on(canvas, "pointerup", () => dragged = -1);
	on(canvas, "pointercancel", () => dragged = -1);
	on(canvas, "dblclick", event => {
		const {x, y, near} = pointed(event, reach);
		edit(() => near < 0 ? view.sample = addSample(newRow([x, y])) : changeClass(near));
	});
	on(canvas, "keydown", event => {
		const move = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]}[event.key];
		const other = {"]": 1, "[": -1}[event.key];
		if (move && view.sample >= 0) {
			edit(() => view.axes.forEach((k, i) => isFree(k) && (samples.columns[k][view.sample] += move[i] * (view.ranges[i][1] - view.ranges[i][0]) / 50)));
		} else if (move || other) {
			view.sample = (view.sample + (other ?? 1) + samples.count) % samples.count;
			draw();
		} else if (event.key === "Escape") {
			view.sample = -1;
			draw();
		} else return;
		event.preventDefault();
	});
}

// --- link and picture ---

async function copyLink() {
	setPlaying(false);
	try {
		history.replaceState(null, "", `#${stateAsText()}`); // a notebook's frame has no address
	} catch {
		return say("Save the page as a file: here it has no address.");
	}
	try {
		await navigator.clipboard.writeText(location.href);
		say("The link is copied and in the address bar.");
	} catch {
		say("The link is in the address bar.");
	}
}

function readLink() {
	if (location.hash.length < 2) return;
	try {
		restore(location.hash.slice(1));
	} catch {
		say("The link is not one of this page: it shows its own numbers.");
	}
	setRanges();
}

// The network, the map and the curve as they are on the screen.
function savePicture() {
	const boxes = [...document.querySelectorAll("main canvas")].filter(canvas => canvas.clientWidth && !canvas.closest("#legend"));
	const all = document.querySelector("main").getBoundingClientRect(), picture = make("canvas"), pen = picture.getContext("2d");
	picture.width = all.width * 2;
	picture.height = all.height * 2;
	pen.scale(2, 2);
	pen.fillStyle = css(rgb("--bg"));
	pen.fillRect(0, 0, all.width, all.height);
	for (const canvas of boxes) {
		const box = canvas.getBoundingClientRect();
		pen.drawImage(canvas, box.x - all.x, box.y - all.y, box.width, box.height);
	}
	Object.assign(make("a"), {href: picture.toDataURL(), download: "playground.png"}).click();
}

// --- the comparison with Python ---

function showComparison() {
	const {same, steps, largest, loss, python} = compareWithPython(), box = $("check");
	const n = data.check[0], of = n < data.samples.length ? `, on ${n} samples` : "";
	if (same === steps) box.textContent = `Equal to Python: ${same} of ${steps} steps, largest difference ${largest.toPrecision(1)}${of}.`;
	else {
		box.textContent = `Not equal to Python: at step ${same} the loss is ${loss}, in Python ${python}.`;
		box.className = "warn";
	}
}

// --- start ---

function keys(event) {
	if (event.ctrlKey || event.metaKey || event.altKey || $("bridge").open) return;
	const on = event.target.tagName;
	if (on === "SELECT" || event.key === " " && (on === "BUTTON" || on === "INPUT")) return;
	const name = {" ": "play", n: "step", b: "back", r: "reset", c: "change", a: "add", delete: "remove", x: "explore", "?": "help"}[event.key.toLowerCase()];
	if (!name) return walk(event);
	event.preventDefault();
	if (name === "explore" || !$(name).disabled) act(name);
}

function main() {
	readColours();
	$("batch").max = BATCHES.length - 1;
	settings.batch = MOST;
	$("axes").hidden = data.inputs < 3 || !hasMap;
	$("which-part").hidden = !isNumber || data.outputs < 2;
	$("map-part").hidden = !hasMap;
	for (let k = 0; k < data.inputs; k++) for (const id of ["across", "up"]) $(id).append(new Option(nameOf(k), k));
	for (let k = 0; k < data.outputs; k++) $("which").append(new Option(k, k));
	for (const id in actions) on($(id), "click", () => act(id));
	for (const id in setters) on($(id), "input", () => {
		setters[id]();
		setRanges();
		refresh();
	});
	if (data.columns.length) makeNetwork();
	else $("columns").textContent = "This model is no row of layers: there is no picture of it, only its output and its curve.";
	setRanges();
	layOut();
	readLink();
	watchMap();
	watchExplorer();
	refresh();
	on(window, "keydown", keys);
	on(window, "hashchange", () => {
		setPlaying(false);
		readLink();
		refresh();
	});
	on(window, "resize", () => {
		layOut();
		draw();
	});
	on(dark, "change", () => {
		readColours();
		refresh();
	});
	setTimeout(showComparison, 50);
}

main();
