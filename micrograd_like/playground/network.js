// network.js: a column for each layer; each neuron is a button that shows its own map.

const MOST_SHOWN = 16;                                     // neurons of a column
const network = {columns: [], lines: null, size: 40};

// The inputs, and then the columns of record.py; a unit is {column, row, output (of the tape)}.
function makeNetwork() {
	const sizes = [data.inputs, ...data.columns.map(c => c.neurons.length || data.inputs)];
	let output = 0;
	network.columns = sizes.map((size, column) => {
		const first = output;
		output += column ? size : 0;
		return Array.from({length: min(size, MOST_SHOWN)}, (_, row) => ({column, row, output: first + row}));
	});
	const box = $("columns");
	network.lines = box.appendChild(make("canvas"));
	network.lines.setAttribute("aria-hidden", true);
	for (const unit of network.columns.flat()) {
		const button = unit.button = box.appendChild(make("button"));
		unit.canvas = button.appendChild(make("canvas"));
		button.className = "neuron";
		button.tabIndex = -1;
		button.addEventListener("click", () => selectNeuron(unit));
	}
	network.columns[0][0].button.tabIndex = 0;
	network.columns.forEach((units, k) => {
		const tag = box.appendChild(make("span")), more = sizes[k] - units.length;
		tag.className = "tag";
		tag.textContent = (k ? `${nameOfColumn(k)} · ${activationOf(k)}` : "inputs") + (more > 0 ? ` · ${more} more` : "");
		units.tag = tag;
	});
}

const nameOfColumn = k => k === data.columns.length ? "output" : `layer ${k}`;
const activationOf = k => data.columns[k - 1].activation;
const nameOfUnit = unit => unit.column ? `${nameOfColumn(unit.column)}, neuron ${unit.row}` : `input ${nameOf(unit.row)}`;

function layOut() {
	const box = $("columns"), most = max(...network.columns.map(units => units.length));
	const w = box.clientWidth, columns = network.columns.length;
	const free = matchMedia("(max-width:800px)").matches ? 420 : max(420, innerHeight - 390);
	const size = network.size = max(20, min(64, (free - 30) / most - 7, w / columns * 0.62));
	const h = max(most * (size + 7), 180);
	box.style.height = `${h + 26}px`;
	network.columns.forEach((units, k) => {
		const x = w * (k + 0.5) / columns;
		units.forEach((unit, row) => {
			unit.x = x;
			unit.y = 22 + h * (row + 0.5) / units.length;
			if (units.length < most) unit.y = 22 + h / 2 + (row - (units.length - 1) / 2) * min(h / units.length, size * 1.6);
			Object.assign(unit.button.style, {left: `${x - size / 2}px`, top: `${unit.y - size / 2}px`, width: `${size}px`, height: `${size}px`});
		});
		const half = min(units.tag.offsetWidth / 2, w / 2);
		units.tag.style.left = `${max(half, min(w - half, x))}px`;
		units.tag.style.top = columns > 4 && w < 500 && k % 2 ? `${h + 24}px` : "0";
	});
}

// --- lines: colour is the sign, width the magnitude; a large one does not hide the others ---

function drawLines() {
	const pen = fitted(network.lines), {params} = training.now, {neuron} = view;
	data.columns.forEach((column, k) => {
		const weights = column.neurons.flatMap(places => places.slice(0, -1)).map(p => abs(params[p])).sort((a, b) => a - b);
		const usual = weights[floor(weights.length / 2)] || 1;
		for (const unit of network.columns[k + 1])
			for (const from of network.columns[k]) {
				if (!column.neurons.length && from.row !== unit.row) continue;
				const w = column.neurons.length ? params[column.neurons[unit.row][from.row]] : 1;
				const far = abs(w) / (abs(w) + usual), about = !neuron || neuron === unit || neuron === from;
				pen.beginPath();
				pen.moveTo(from.x + network.size / 2, from.y);
				pen.bezierCurveTo((from.x + unit.x) / 2, from.y, (from.x + unit.x) / 2, unit.y, unit.x - network.size / 2, unit.y);
				pen.lineWidth = 0.3 + 3.6 * far * far;
				pen.setLineDash(w < 0 ? [6, 3] : []);
				pen.strokeStyle = css(w > 0 ? colours.pos : colours.neg, about ? 0.25 + 0.6 * far : 0.08);
				pen.stroke();
			}
	});
}

function drawNeurons() {
	const columns = grid(COARSE), found = neuronTape ? everywhere(neuronTape, columns, COARSE) : [];
	for (const unit of network.columns.flat()) {
		const numbers = unit.column ? found[unit.output] : columns[unit.row];
		const middle = unit.column ? 0 : mean(numbers);
		const most = numbers.reduce((m, x) => max(m, abs(x - middle)), 1e-9);
		const pen = unit.canvas.getContext("2d");
		unit.canvas.width = unit.canvas.height = COARSE;
		pen.drawImage(image(COARSE, i => signed((numbers[i] - middle) / most)), 0, 0);
	}
}

function drawNetwork() {
	if (!data.columns.length) return;
	drawLines();
	drawNeurons();
}

// The numbers of all neurons for a sample, by column; the inputs first.
function activations(i) {
	neuronTape.share(training.now.params);
	neuronTape.run(samples.columns, null, i, 1);
	let k = 0;
	const rest = data.columns.map(c => Array.from({length: c.neurons.length || data.inputs}, () => neuronTape.read(neuronTape.outputs[k++])));
	return [inputOf(i), ...rest];
}

function nameNeurons() {
	const numbers = view.sample >= 0 && neuronTape ? activations(view.sample) : null;
	for (const unit of network.columns.flat()) {
		const now = numbers ? ` = ${short(numbers[unit.column][unit.row])} for sample ${view.sample}` : "";
		unit.button.setAttribute("aria-label", nameOfUnit(unit) + now);
		unit.button.title = nameOfUnit(unit) + now;
		unit.button.setAttribute("aria-pressed", unit === view.neuron);
	}
}

function selectNeuron(unit) {
	view.neuron = view.neuron === unit ? null : unit;
	for (const other of network.columns.flat()) other.button.tabIndex = other === unit ? 0 : -1;
	unit.button.focus();
	refresh();
}

// Arrow keys walk over the neurons; there is one tab stop.
function walk(event) {
	const unit = network.columns.flat().find(u => u.button === document.activeElement);
	const move = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
	if (!unit || !move) return;
	const units = network.columns[unit.column + move[0]];
	if (!units) return;
	const near = move[0] ? units.reduce((a, b) => abs(b.y - unit.y) < abs(a.y - unit.y) ? b : a) : units[unit.row + move[1]];
	if (!near) return;
	event.preventDefault();
	unit.button.tabIndex = -1;
	near.button.tabIndex = 0;
	near.button.focus();
}
