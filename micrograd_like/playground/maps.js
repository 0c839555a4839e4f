// maps.js: what the network says everywhere, as colour, and the samples on it.

const $ = id => document.getElementById(id);
const FINE = 90, COARSE = 24, EDGE = {left: 46, right: 8, top: 8, bottom: 30};
const inside = ({w, h}) => [w - EDGE.left - EDGE.right, h - EDGE.top - EDGE.bottom];
const view = {axes: [0, 1], output: 0, sample: -1, neuron: null, ranges: []};
const flat = data.inputs === 1;                          // then the map is a curve, and up is the target

// --- colours ---

let colours = {};
const probe = document.body.appendChild(make("i"));       // knows what a colour is, also a forced one
const rgb = name => {
	probe.style.color = `var(${name})`;
	return getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number);
};
function readColours() {
	colours = Object.fromEntries(["paper", "pos", "neg", "ink", "muted", "line", "now"].map(x => [x, rgb(`--${x}`)]));
	colours.classes = [colours.neg, colours.pos, ...[2, 3, 4, 5, 6, 7].map(k => rgb(`--class${k}`))];
}
const css = ([r, g, b], alpha = 1) => `rgba(${r},${g},${b},${alpha})`;
const mix = (colour, share, paper = colours.paper) => paper.map((p, k) => p + (colour[k] - p) * share);

// A signed number between -1 and 1: blue above 0, orange below, paper at 0.
const signed = t => mix(t > 0 ? colours.pos : colours.neg, min(1, abs(t)) * 0.85);

// --- numbers on a grid ---

const used = k => samples.columns[k].subarray(0, samples.count);
const mean = numbers => numbers.reduce((a, b) => a + b, 0) / numbers.length;
const rangeOf = numbers => numbers.reduce(([low, high], x) => [min(low, x), max(high, x)], [Infinity, -Infinity]);

function setRanges() {
	view.ranges = view.axes.map(k => {
		const [low, high] = rangeOf(used(k)), room = (high - low || 2) * 0.12;
		return [low - room, high + room];
	});
}

// Columns of inputs for a size x size grid from the upper left: the axes vary, others are their mean.
function grid(size) {
	const n = size * size, columns = list(data.inputs, k => new Float64Array(n).fill(mean(used(k))));
	const [across, up] = view.axes, [[left, right], [low, high]] = view.ranges;
	for (let i = 0; i < n; i++) {
		const x = i % size / (size - 1), y = floor(i / size) / (size - 1);
		if (up < data.inputs) columns[up][i] = high + (low - high) * y;
		columns[across][i] = left + (right - left) * x;
	}
	return columns;
}

// All outputs of a tape on a grid: an array of numbers for each.
const everywhere = (tape, columns, size) => tape.all(training.now.params, columns, size * size);

function outputsEverywhere(size) {
	const columns = grid(size);
	for (let k = data.inputs; k < width; k++) columns.push(new Float64Array(size * size).fill(samples.columns[k][0]));
	return everywhere(stepTape, columns, size);
}

function image(size, colourAt, canvas = make("canvas")) {
	const pen = canvas.getContext("2d");
	canvas.width = canvas.height = size;
	const pixels = pen.createImageData(size, size);
	for (let i = 0; i < size * size; i++) {
		const [r, g, b] = colourAt(i);
		pixels.data.set([r, g, b, 255], 4 * i);
	}
	pen.putImageData(pixels, 0, 0);
	return canvas;
}

// --- the map of the output ---

const shownTarget = () => min(width - 1, data.inputs + view.output);
const numberScale = () => {
	const [low, high] = rangeOf(used(shownTarget()));
	return [(low + high) / 2, (high - low) / 2 || 1];
};

function outputColour(outputs, i) {
	if (isNumber) {
		const [middle, half] = numberScale.now;
		return signed((outputs[view.output][i] - middle) / half);
	}
	const [best, sure] = judged(outputs.map(column => column[i]));
	return mix(colours.classes[best], 0.08 + 0.62 * sure);
}

const placesOn = canvas => ({
	x: x => EDGE.left + (x - view.ranges[0][0]) / (view.ranges[0][1] - view.ranges[0][0]) * inside(canvas)[0],
	y: y => canvas.h - EDGE.bottom - (y - view.ranges[1][0]) / (view.ranges[1][1] - view.ranges[1][0]) * inside(canvas)[1],
});

// A canvas as large as it is on the screen, in CSS pixels.
function fitted(canvas) {
	const w = canvas.clientWidth, h = canvas.clientHeight, ratio = devicePixelRatio || 1;
	if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
		canvas.width = Math.round(w * ratio);
		canvas.height = Math.round(h * ratio);
	}
	const pen = canvas.getContext("2d");
	pen.setTransform(ratio, 0, 0, ratio, 0, 0);
	pen.clearRect(0, 0, w, h);
	pen.font = "12px system-ui,sans-serif";
	return Object.assign(pen, {w, h});
}

function drawMap() {
	const canvas = $("map"), pen = fitted(canvas), size = drawMap.size ?? FINE, began = performance.now();
	const outputs = outputsEverywhere(size);
	numberScale.now = numberScale();
	const [w, h] = inside(pen);
	const dx = w / (size - 1) / 2, dy = h / (size - 1) / 2;  // the outermost pixels lie on the edge
	pen.save();
	pen.rect(EDGE.left, EDGE.top, w, h);
	pen.clip();
	if (!flat) pen.drawImage(image(size, i => outputColour(outputs, i)), EDGE.left - dx, EDGE.top - dy, w + 2 * dx, h + 2 * dy);
	pen.restore();
	if (!isNumber && !flat) drawBoundary(pen, outputs, size, w, h);
	drawAxes(pen);
	if (flat) drawOutput(pen, outputs, size);
	const at = placesOn(pen);
	for (let i = 0; i < samples.count; i++) drawSample(pen, i, at);
	if (view.sample >= 0) drawRing(pen, at);
	const took = performance.now() - began;                // a slow network gets a coarser map
	drawMap.size = took > 14 ? max(30, size - 10) : took < 6 ? min(FINE, size + 5) : size;
}

// Where another class is best, cell by cell; one output is a score beside that of the middle.
function drawBoundary(pen, outputs, size, w, h) {
	const dx = w / (size - 1), dy = h / (size - 1), ways = [[0, 1], [1, size + 1], [size + 1, size], [size, 0]];
	const one = data.kind === "sign" && [outputs[0].map(() => data.middle), outputs[0]], scores = one || outputs;
	const best = list(size * size, i => scores.reduce((b, column, k) => column[i] > scores[b][i] ? k : b, 0));
	const x = i => EDGE.left + i % size * dx, y = i => EDGE.top + floor(i / size) * dy;
	pen.beginPath();
	for (let i = 0; i < size * (size - 1); i++) {
		if (i % size === size - 1) continue;
		const cut = ways.map(way => way.map(k => i + k)).filter(([a, b]) => best[a] !== best[b]).map(([a, b]) => {
			const [from, to] = [a, b].map(i => scores[best[a]][i] - scores[best[b]][i]), t = from / (from - to);
			return [x(a) + (x(b) - x(a)) * t, y(a) + (y(b) - y(a)) * t];
		});
		const middle = [0, 1].map(k => cut.reduce((sum, point) => sum + point[k], 0) / cut.length);
		for (const point of cut) {
			pen.moveTo(...point);
			pen.lineTo(...middle);
		}
	}
	pen.lineWidth = 1.6;
	pen.strokeStyle = css(colours.ink, 0.8);
	pen.stroke();
}

// Of a single input: the first output over it.
function drawOutput(pen, outputs, size) {
	const at = placesOn(pen), [left, right] = view.ranges[0];
	pen.save();
	pen.beginPath();
	pen.rect(EDGE.left, EDGE.top, ...inside(pen));
	pen.clip();
	line(pen, list(size, i => [at.x(left + (right - left) * i / (size - 1)), at.y(outputs[view.output][i])]), colours.ink, []);
	pen.restore();
}

// Round numbers in a range, about so many.
function ticks([low, high], count) {
	const rough = (high - low) / count, power = 10 ** floor(Math.log10(rough));
	const size = [1, 2, 5, 10].find(k => k * power >= rough) * power, found = [];
	for (let k = Math.ceil(low / size); k * size <= high; k++) found.push(+(k * size).toPrecision(6));
	return found;
}

function drawAxes(pen) {
	const at = placesOn(pen);
	pen.fillStyle = css(colours.muted);
	pen.textAlign = "center";
	for (const x of ticks(view.ranges[0], 5)) pen.fillText(short(x), at.x(x), pen.h - 15);
	pen.fillText(nameOf(view.axes[0]), EDGE.left + (pen.w - EDGE.left) / 2, pen.h - 2);
	pen.textAlign = "right";
	for (const y of ticks(view.ranges[1], 5)) pen.fillText(short(y), EDGE.left - 5, at.y(y) + 4);
	pen.save();
	pen.translate(11, EDGE.top + inside(pen)[1] / 2);
	pen.rotate(-Math.PI / 2);
	pen.textAlign = "center";
	pen.fillText(nameOf(view.axes[1]), 0, 0);
	pen.restore();
}

const nameOf = k => k < data.inputs ? data.names?.[k] ?? `x${k}` : "target and output";
const classOf = i => data.classes.indexOf(targetOf(i));

const SHAPES = [                                           // of the classes: colour is not the only sign
	[[-1, -1], [1, -1], [1, 1], [-1, 1]], null, [[0, -1.3], [1.2, 0.9], [-1.2, 0.9]], [[0, -1.4], [1.2, 0], [0, 1.4], [-1.2, 0]],
	[[0, 1.3], [1.2, -0.9], [-1.2, -0.9]], [[-1.3, -0.5], [1.3, -0.5], [1.3, 0.5], [-1.3, 0.5]],
	[[-0.5, -1.3], [0.5, -1.3], [0.5, 1.3], [-0.5, 1.3]], [[0, -1.3], [1.2, -0.4], [0.8, 1.1], [-0.8, 1.1], [-1.2, -0.4]],
];

function shape(pen, k, x, y, r) {
	pen.beginPath();
	if (!SHAPES[k]) pen.arc(x, y, r, 0, 7);
	else for (const [dx, dy] of SHAPES[k]) pen.lineTo(x + dx * r * 0.9, y + dy * r * 0.9);
	pen.closePath();
}

function drawSample(pen, i, at) {
	const {x, y, colour, kind} = sampleOnMap(i, at);
	shape(pen, kind, x, y, 4);
	pen.lineWidth = isHeld(i) ? 2 : 1.2;
	pen.fillStyle = css(isHeld(i) ? colours.paper : colour);
	pen.strokeStyle = css(isHeld(i) ? colour : colours.paper);
	pen.fill();
	pen.stroke();
}

function sampleOnMap(i, at) {
	const [x, y] = view.axes.map(k => samples.columns[k][i]), k = classOf(i);
	if (!isNumber) return {x: at.x(x), y: at.y(y), colour: colours.classes[k], kind: k};
	const [middle, half] = numberScale.now, t = (samples.columns[shownTarget()][i] - middle) / half;
	return {x: at.x(x), y: at.y(y), colour: mix(colours.classes[+(t > 0)], min(1, abs(t)), colours.muted), kind: +(t > 0)};
}

function drawRing(pen, at) {
	const {x, y} = sampleOnMap(view.sample, at);
	for (const [colour, thick] of [[colours.paper, 5], [colours.now, 2.5]]) {
		pen.beginPath();
		pen.arc(x, y, 9, 0, 7);
		pen.lineWidth = thick;
		pen.strokeStyle = css(colour);
		pen.stroke();
	}
}

// Where on the map a pointer is: in numbers, and which sample is near.
function pointed(event, reach) {
	const canvas = $("map"), box = canvas.getBoundingClientRect(), pen = {w: box.width, h: box.height}, at = placesOn(pen);
	const px = event.clientX - box.x, py = event.clientY - box.y, [[left, right], [low, high]] = view.ranges;
	const clip = t => max(0, min(1, t));
	const x = left + (right - left) * clip((px - EDGE.left) / inside(pen)[0]);
	const y = low + (high - low) * clip((pen.h - EDGE.bottom - py) / inside(pen)[1]);
	let near = -1, distance = reach;
	for (let i = 0; i < samples.count; i++) {
		const [sx, sy] = view.axes.map(k => samples.columns[k][i]);
		const far = Math.hypot(at.x(sx) - px, at.y(sy) - py);
		if (far < distance) [near, distance] = [i, far];
	}
	return {x, y, near};
}

const short = x => String(+(+x).toPrecision(4));
