// the side panel
function link(item, parent, act = () => reveal(item)) {
	const a = make("a", {href: "#"}, parent);
	make("bdi", {}, a, said(item));
	a.onclick = e => {e.preventDefault(); act();};
}
function say(parent, kind, ...parts) {
	const p = make("p", {class: kind}, parent);
	for (const part of parts) typeof part !== "number" ? p.append(part) : isConstant(part) ? p.append(said(part)) : link(part, p);
}
let tellLeaf = () => {}, takeUp = tellLeaf, isChanged = tellLeaf; // those of leaf.js
const warnings = (box, i) => D.notes[i]?.forEach(note => say(box, "warn", note));
const ordinal = k => k + ((k / 10 | 0) % 10 !== 1 && ["", "st", "nd", "rd"][k % 10] || "th");
function heading(box, text) {box.replaceChildren(); make("bdi", {}, make("h2", {}, box), text);}
function tellStep() {
	const box = $("step"), i = n - step, xs = inputs[i], all = received[i];
	if (!step) {
		heading(box, "Before the first step");
		say(box, "", "The backward pass starts at ", n - 1, ", whose gradient is 1. It visits a Value after all its users.");
		const {length} = Object.keys(D.notes);
		sayOrigin(box);
		if (length) say(box, "warn", `${length} gradients of several passes (find: stored).`);
		return;
	}
	heading(box, `Step ${stopOf(step)}: ${own(i)}${isLeaf(i) ? " is a leaf" : " = " + expression(i)}`);
	if (D.home[i]) say(box, "muted", `(${where(D.home[i])})`);
	tellPart(box);
	warnings(box, i);
	if (origin?.i === i) sayOrigin(box);
	if (!all.length) return say(box, "rule", "No gradient reaches it.");
	const g = total(i), few = all.length < 9, gave = few ? all.map(c => signed(c.gave)) : [];
	const from = few ? gave.length > 1 ? ` = ${gave.join(" + ")}` : "" : `, the sum of ${all.length} contributions`;
	say(box, wrong(g) ? "rule warn" : "rule", `${own(i)}.grad is complete: ${fmt(g)}${from}`);
	[...xs.keys()].filter(k => !isConstant(xs[k])).forEach((k, j) => {
		if (j < 12 || k === xs.length - 1) tellRule(box, i, k);
		else if (j === 12) say(box, "muted", `\u2026 and ${xs.length - 13} more inputs`);
	});
}
// which of the receivers have room in the picture
function tellPart(box) {
	if (!drawn.part) return;
	const {from, to, of} = drawn.part, shown = to > from + 1 ? `s ${from + 1} to ${to}` : ` ${to}`;
	say(box, "muted", `In the picture: receiver${shown} of ${of} `);
	const button = make("button", {id: "more"}, box.lastChild, to < of ? "Show the next" : "Show the first");
	button.onclick = () => {showMore(); $("more").focus();};
}
function sayOrigin(box) {
	if (!origin) return;
	const {i, x, of, number} = origin, from = inputs[i].slice(0, 3).map(x => `${said(x)} = ${fmt(value[x])}`).join(", ");
	if (of === "value") say(box, "warn", `${fmt(number)} begins at `, i, isLeaf(i) ? ", a leaf." : `${D.name[i] === null ? "" : ` = ${expression(i)}`}, where ${from}.`);
	else say(box, "warn", `The gradient is finite up to `, i, ` (step ${stopOf(n - i)}), which gives ${fmt(number)} to `, x, ".");
}
function tellRule(box, i, k) {
	const x = inputs[i][k], all = received[x], j = all.findIndex(c => c.user === i && c.k === k);
	const div = make("div", {class: "rule"}, box);
	if (j < 0) return say(div, "muted", x, D.notes[i] ? " receives nothing" : " is never differentiated");
	const {d, gave, sum} = all[j], g = total(i), words = derivative(i, k);
	say(div, "", `d ${own(i)} / d `, x, words && words !== fmt(d) ? ` = ${words}` : "", ` = ${fmt(d)}`);
	const product = gave === 0 && isNan(g * d) ? "0 (masked)" : `${signed(g)} * ${signed(d)}`;
	const turn = all.length > 1 ? `     (${ordinal(j + 1)} of ${all.length} contributions)` : "";
	const before = fmt(j ? all[j - 1].sum : 0);
	say(div, wrong(sum) ? "sum warn" : "sum", x, `.grad = ${before} + ${product} = ${fmt(sum)}${turn}`);
}
function tellChosen() {
	const box = $("chosen"), i = chosen;
	box.replaceChildren();
	if (i === null) return say(box, "muted", "Select a card to see its gradient's sources.");
	heading(box, clean(name(i), 200));
	say(box, "muted", `in ${where(i < 0 ? groups[~i].parent : D.home[i])}`);
	const button = (text, act) => {make("button", {}, box, text).onclick = act; box.append(" ");};
	if (i < 0) {
		say(box, "", `group of ${many(groups[~i].size)} values`);
		button("Enter", () => enter(~i));
	} else tellValue(box, i);
	button(paths ? "Hide paths" : "Paths to the root", togglePaths);
}
function tellValue(box, i) {
	const list = make("dl", {}, box), g = gradient(i), all = received[i], some = 50;
	const row = (term, text) => {make("dt", {}, list, term); return make("dd", {}, list, text);};
	const more = k => k > some ? `\u2026 and ${many(k - some)} more` : "";
	row("op", isLeaf(i) ? "leaf" : `${opOf(i)[0] || "made by hand"}: ${expression(i)}`);
	warn(row("value", full(value[i])), wrong(value[i]));
	warn(row("gradient", g === undefined ? "none yet" : full(g)), wrong(g));
	for (const key in D.now[i]) row(`.${key} now`, full(+D.now[i][key]));
	const from = row("inputs", inputs[i].length ? "" : "none");
	inputs[i].slice(0, some).forEach((x, k) => {if (k) from.append(", "); isConstant(x) ? from.append(said(x)) : link(x, from);});
	from.append(more(inputs[i].length));
	warnings(box, i);
	if (D.fixed && isLeaf(i)) say(box, "muted", D.fixed);
	if (i === n - 1) return say(box, "", "The root: its gradient is 1.");
	if (!all.length) say(box, "muted", "No gradient reaches it.");
	for (const c of all.slice(0, some))
		say(box, "rule", c.user, done(c) ? ` gave ${signed(c.gave)}` : " has not given yet");
	say(box, "muted", more(all.length));
}
