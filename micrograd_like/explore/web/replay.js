"use strict";
const $ = id => document.getElementById(id), graph = $("graph"), {min, max, abs, hypot, floor, ceil} = Math, SVG = "http://www.w3.org/2000/svg";
const D = JSON.parse($("data").textContent), n = D.op.length, [W, H, GAP_Y] = D.card, inputs = D.inputs;
const groups = D.groups.map(([name, parent, kind, views]) => ({name, parent, kind, views, size: 0, last: 0}));
const opOf = i => D.ops[D.op[i]], isLeaf = i => !opOf(i), op = i => opOf(i)?.[1] ?? "", isNan = x => x !== x;
const wrong = x => x !== undefined && !isFinite(x);

// the backward pass
// received is what every Value receives, in order: from which user, as its k-th input, how much,
// and the sum so far; step is how many Values have been visited (step k visits n - k); stops are
// the visits that a reader makes: those of constants, which are no card, are passed over.
const isConstant = i => D.op[i] === -2, stops = [0];
for (let k = 1; k <= n; k++) if (!isConstant(n - k)) stops.push(k);
let step = 0, value, received, origin;
const done = c => n - c.user <= step;
const total = i => received[i].at(-1)?.sum;
const gradient = i => { // what it has so far: nearly always nothing, or all
	const all = received[i], last = all.at(-1);
	if (last && done(all[0])) return (done(last) ? last : all.findLast(done)).sum;
};
const partner = (i, k) => (k + inputs[i].length / 2) % inputs[i].length;
function backward(numbers) {
	value = numbers.value.map(Number);
	received = value.map(() => []);
	received[n - 1].push({user: n - 1, sum: 1});
	for (let i = n - 1; i >= 0; i--) {
		const g = total(i), rules = numbers.rule instanceof Function ? numbers.rule(i, g) : numbers.rule[i] || inputs[i].map((_, k) => value[inputs[i][partner(i, k)]]);
		if (g !== undefined) inputs[i].forEach((x, k) => {
			if (rules[k] === null) return;
			const [gave, d] = Array.isArray(rules[k]) ? rules[k].map(Number) : [g * rules[k], +rules[k]];
			received[x].push({user: i, k, d, gave, sum: (total(x) ?? 0) + gave});
		});
	}
	origin = findOrigin();
}
// Where nan or inf begins: the first Value that makes one of finite numbers, or else the first to pass one on.
function findOrigin() {
	const first = value.findIndex(wrong);
	if (first >= 0) return {i: first, of: "value", number: value[first]};
	for (let i = n - 1; i >= 0; i--) if (received[i].length && !wrong(total(i))) for (const x of inputs[i]) {
		const bad = received[x].find(c => c.user === i && wrong(c.gave));
		if (bad) return {i, x, of: "gradient", number: bad.gave};
	}
}
const goTo = k => step = max(0, min(n, k));
const stopOf = k => {
	let low = 0, high = stops.length;
	while (high - low > 1) {const middle = (low + high) >> 1; if (stops[middle] > k) high = middle; else low = middle;}
	return low;
};
