// a leaf that is changed: forward and backward anew, from the tapes of the ops
let math, tapes = {};
const changed = new Map(), unnamed = new Set(D.unnamed);
let opening = {value, rule: D.rule, grad: value.map((_, i) => total(i)), names: [...D.name], now: D.now, notes: D.notes};
let base = opening;                                        // what a change is measured from
let leaf = null, isTold;                                   // of the one that is selected
function tapesOf(i) {
	const key = `${opOf(i)[0]} ${D.constant[i] ?? ""} ${inputs[i].length}`;
	return tapes[key] ??= D.rules[key].map((tape, k) => k < 2 ? new Tape(tape, 2, math) : tape);
}
// a tape of these numbers; beside them of those where the first one, the gradient, is 1
function run(tape, first, xs, value) {
	const columns = tape.columns ??= Array.from({length: tape.inputs}, () => [1, 1]), skip = first.length;
	for (let k = 0; k < skip; k++) columns[k][0] = first[k];
	if (skip) columns[1][1] = first[1];
	for (let k = 0; k < xs.length; k++) columns[skip + k][0] = columns[skip + k][1] = value[xs[k]];
	tape.run(columns, null, 0, skip || 1);
	return tape.outputs;
}
const forward = (i, value) => {const [f] = tapesOf(i); return f.read(run(f, [], inputs[i], value)[0]);};
// the functions that give Python's values: the browser's, if it calls the C library that Python calls
function chooseMath() {
	const agrees = all => {
		math = all;
		tapes = {};
		return inputs.every((_, i) => isLeaf(i) || Object.is(forward(i, opening.value), opening.value[i]));
	};
	[BROWSERS, EXACT].some(agrees);
}
// all numbers, where some leaves have others than in a state
function anew(from, leaves) {
	if (!math) chooseMath();
	const value = [...from.value], isNew = new Uint8Array(n);
	for (let i = 0; i < n; i++) {
		if (leaves.has(i)) value[i] = leaves.get(i);
		else if (inputs[i].some(x => isNew[x])) value[i] = forward(i, value);
		isNew[i] = !Object.is(value[i], from.value[i]);
	}
	const rule = (i, g) => {                               // what is given, and the local derivative
		const rules = inputs[i].map(() => null);
		if (isLeaf(i)) return rules;
		const [, tape, to] = tapesOf(i), slots = run(tape, [g, value[i]], inputs[i], value);
		to.forEach((k, j) => {rules[k] = [tape.read(slots[j]), tape.read(slots[j], 1)];});
		return rules;
	};
	return {value, rule};
}
function change(i, x) {
	if (Object.is(x, base.value[i])) changed.delete(i); else changed.set(i, x);
	if (unnamed.has(i)) D.name[i] = changed.has(i) ? fmt(x) : base.names[i];
	follow(unnamed.has(i));
	remember();
}
// The page begins anew, with leaves [[i, number], ...] of these numbers and all others as Python
// wrote them; without any it is as it was at its opening.
function startFrom(leaves = []) {
	changed.clear();
	base = leaves.length ? {...anew(opening, new Map(leaves)), names: [...opening.names], now: {}, notes: {}} : opening;
	for (const [i, x] of leaves) if (unnamed.has(i)) base.names[i] = fmt(x);
	D.name = [...base.names];
	leaf = null;
	follow(true);
	base.grad = value.map((_, i) => total(i));
}
// everything on the screen after a change of numbers; now and notes are about the base's
function follow(isRenamed) {
	const {size} = changed;
	D.now = size ? {} : base.now;
	D.notes = size ? {} : base.notes;
	backward(size ? anew(base, changed) : base);
	isTold = false;
	if (isRenamed) {words = undefined; draw(drawn); place();} else paint();
	$("size").textContent = `${many(n)} values` + (size ? `, ${size} changed` : "");
}
isChanged = item => changed.has(item);
tellLeaf = () => {
	const i = chosen, isOne = i !== null && i >= 0 && D.op[i] === -1, x = value[i], drag = $("drag");
	$("leaf").hidden = !isOne;
	if (!isOne) return leaf = null;
	if (leaf === i && isTold) return;                      // perhaps somebody is typing
	if (leaf !== i) {
		const middle = isFinite(base.value[i]) ? base.value[i] : 0, span = max(1, 2 * abs(middle));
		const step = 10 ** (floor(Math.log10(span)) - 2);
		set(drag, {step, min: floor((middle - span) / step) * step, max: ceil((middle + span) / step) * step});
		leaf = i;
	}
	$("whose").textContent = clean(name(i), 24);
	if (isFinite(x)) {
		if (x < +drag.min) drag.min = x;
		if (x > +drag.max) drag.max = x;
		if (document.activeElement !== drag) drag.value = x;
	}
	$("number").value = full(x);
	$("number").removeAttribute("aria-invalid");
	$("asitwas").disabled = !changed.has(i);
	tellChange();
	isTold = true;
};
function tellChange() {
	const box = $("told"), out = n - 1, all = [...changed], by = ([i, x]) => x - base.value[i];
	box.replaceChildren();
	if (!all.length) return say(box, "muted", "Type a number and press Enter, or drag: all numbers follow.");
	const list = make("dl", {}, box), slope = i => base.grad[i] ?? 0;
	const row = (term, text, x) => {make("dt", {}, list, term); warn(make("dd", {}, list, text), wrong(x));};
	if (changed.has(leaf)) row("change", `${fmt(by([leaf, value[leaf]]))} (it was ${fmt(base.value[leaf])})`);
	const rise = value[out] - base.value[out], sum = all.reduce((sum, one) => sum + slope(one[0]) * by(one), 0);
	row("change of output", `${fmt(rise)} (it was ${fmt(base.value[out])})`, rise);
	row("gradient * change", all.length > 1 ? `${fmt(sum)}, the sum over ${all.length} changed leaves`
		: `${signed(slope(all[0][0]))} * ${signed(by(all[0]))} = ${fmt(sum)}`, sum);
	say(box, "muted", "With the gradient before the change: what it predicts, to first order. ", D.close);
}
const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/, NAMES = {__proto__: null, nan: NaN, inf: Infinity, "+inf": Infinity, "-inf": -Infinity};
const numberIn = text => NAMES[text] ?? (NUMBER.test(text) ? +text : undefined);
$("number").onchange = () => {
	const text = $("number").value.trim().toLowerCase(), x = numberIn(text);
	if (x !== undefined) return change(leaf, x);
	set($("number"), {"aria-invalid": true});
	$("told").replaceChildren();
	say($("told"), "warn", `${clean(text) || "Nothing"} is no number: write one like 0.5, -2e-3, inf or nan.`);
};
$("drag").oninput = () => change(leaf, +(+$("drag").value).toPrecision(9));
$("asitwas").onclick = () => {change(leaf, base.value[leaf]); $("number").focus();};
// the changed leaves in the page's address, such as 3:0.5;7:-2
edits = () => [...changed].map(([i, x]) => `${i}:${full(x)}`).join(";");
edit = text => {
	const pairs = text.split(";").map(pair => pair.split(":")).map(([i, x]) => [+i, numberIn(x)]);
	const leaves = pairs.filter(([i, x]) => D.op[i] === -1 && x !== undefined);
	if (!leaves.length && !changed.size) return;
	changed.clear();
	D.name = [...base.names];
	for (const [i, x] of leaves) changed.set(i, x);
	for (const i of changed.keys()) if (unnamed.has(i)) D.name[i] = fmt(changed.get(i));
	follow(true);
};
takeUp = () => {if (leaf !== null) {$("number").focus(); $("number").select();}};
if (location.hash.split(",")[7]) recall(); else paint();
