// text
const full = x => Object.is(x, -0) ? "-0" : String(x).replace("NaN", "nan").replace("Infinity", "inf");
const fmt = (x, digits = 5) => x === undefined ? "none" : full(isFinite(x) && x ? +x.toPrecision(digits) : x);
const signed = x => /^-/.test(fmt(x)) ? `(${fmt(x)})` : fmt(x), many = k => k.toLocaleString("en");
const clean = (text, most = 40) => {
	const shown = [...text.slice(0, 4 * most)].map(c => /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u.test(c) ? "\u00b7" : c);
	let room = most;
	const end = shown.findIndex(c => (room -= c > "\u2e80" ? 2 : 1) < 0);
	return end < 0 ? shown.join("") : shown.slice(0, max(end - 1, 1)).join("") + "\u2026";
};
const name = i => i < 0 ? groups[~i].name : D.name[i] ?? expression(i, ""), said = i => clean(name(i));
const anOut = D.name.includes("out"), own = i => D.name[i] ?? anOut ? said(i) : "out";
function expression(i, space = " ") {
	const infix = x => !isLeaf(x) && D.name[x] === null && inputs[i].length + (i in D.constant) === 2 && /^\W+$/.test(op(i) + op(x));
	const binds = x => /^[*]$/.test(op(x)) && /^[-+*]$/.test(op(i));
	const args = inputs[i].map(x => infix(x) && !binds(x) ? `(${said(x)})` : said(x));
	if (i in D.constant) args.push(fmt(+D.constant[i]));
	if (args.length === 2 && /^\W+$/.test(op(i))) {
		if (op(i) === "-") space = " ";
		return args[0] + space + op(i) + space + args[1].replace(/^-.*/, "($&)");
	}
	if (args.length > 7) args.splice(3, args.length - 6, "\u2026");
	return `${op(i)}(${args.join("," + space)})`;
}
// what of a text, or of a number, has room on a card
const ruler = document.createElement("canvas").getContext("2d");
const widthOf = (text, font) => {ruler.font = font; return ruler.measureText(text).width;};
const BOLD = "600 13px system-ui,sans-serif", PLAIN = "11.5px system-ui,sans-serif";
function short(text, room, font = PLAIN) {
	const all = [...clean(text)], whole = all.join("");
	if (widthOf(whole, font) <= room) return whole;
	if (all.at(-1) === "\u2026") all.pop();
	while (all.length > 1 && widthOf(all.join("") + "\u2026", font) > room) all.pop();
	return all.join("") + "\u2026";
}
const brief = x => [fmt(x), fmt(x, 4), fmt(x, 3)].find(text => text.length < 10) ?? x.toExponential(2);
const way = g => {const path = []; for (; g >= 0; g = groups[g].parent) path.unshift(g); return path;};
const where = g => way(g).slice(g ? 1 : 0).map(g => groups[g].name).join(" / ");
function derivative(i, k) {
	const all = opOf(i)[2], xs = inputs[i], any = all.length < xs.length, words = all[any ? 0 : k] ?? "";
	const put = x => words.length > 1 && !isLeaf(x) && D.name[x] === null ? `(${said(x)})` : said(x);
	const names = {
		x: () => put(xs[any ? k : 0]), y: () => put(xs[any ? partner(i, k) : 1]), c: () => put(xs[0]),
		k: () => signed(+D.constant[i]), out: () => own(i),
	};
	return words.replace(/\b(x|y|c|k|out)\b/g, word => names[word]());
}
