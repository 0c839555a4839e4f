// the view: shown are its items, cards what is drawn of them, at is the place and scale of the
// picture; whole is all of it, drawn a part (the step's close-up) where that does not fit
let view = 0, copy = 0, chosen = null, paths = null, colour, shown = [], cards = new Map(), edges = [], at;
let whole, drawn;
for (let i = 0; i < n; i++) for (let g = D.home[i]; g >= 0; g = groups[g].parent) {
	groups[g].size++;
	if (!isLeaf(i)) groups[g].last ||= n - i; // of its inner Values the first, which is visited last
}
function itemIn(g, i) {
	let h = i < 0 ? groups[~i].parent : D.home[i];
	for (; h >= 0 && h !== g; h = groups[h].parent) i = ~h;
	return h === g ? i : undefined;
}
// what a group has inside; the lists are made when they are first asked for
function members(item) {
	if (item >= 0) return [item];
	if (!groups[0].own) {
		for (const group of groups) group.own = [];
		for (let i = 0; i < n; i++) groups[D.home[i]].own.push(i);
		for (let g = 1; g < groups.length; g++) groups[groups[g].parent].own.push(~g);
	}
	return groups[~item].own.flatMap(members);
}
function copyOf(g, i) {
	const item = itemIn(g, i);
	return max(0, groups[g].views.findIndex(([, count, items]) => items.slice(0, count).includes(item)));
}
const viewOf = () => groups[view].views[copy], layoutOf = () => D.layouts[viewOf()[0]];
// the item of the view that a Value is, or is a part of
function cardOf(i) {
	const {all} = whole;
	for (let h = i < 0 ? groups[~i].parent : D.home[i]; !all.has(i) && h >= 0; h = groups[h].parent) i = ~h;
	return all.has(i) ? i : undefined;
}
function setWhole(around) {
	const of = viewOf(), layout = layoutOf();
	const all = of.all ??= new Map(of[2].map((item, s) => [item, s]));
	whole = {...layout.big ? neighbourhood(layout, of[2], all, all.get(around)) : layout, all};
	whole.items ??= of[2];
	whole.place = new Map(whole.items.map((item, s) => [item, s]));
}
function set(e, attributes) {for (const key in attributes) e.setAttribute(key, attributes[key]);}
function make(tag, attributes, parent, text) {
	const isSvg = tag === "svg" || parent?.namespaceURI === SVG;
	const e = document.createElementNS(isSvg ? SVG : "http://www.w3.org/1999/xhtml", tag);
	set(e, attributes);
	if (text !== undefined) e.textContent = text;
	parent?.append(e);
	return e;
}
function draw(picture = whole) {
	const inside = new Set(viewOf()[2].slice(0, viewOf()[1])), scene = $("scene"), {left} = drawn = picture;
	shown = picture.items;
	scene.replaceChildren();
	edges = picture.e.map(([a, b, ...rails]) => {
		let c = picture.x[a], x = left[c] + W, y = picture.y[a], d = `M${x} ${y}`;
		[...rails, picture.y[b]].forEach((to, j) => {
			const end = left[j < rails.length ? ++c : picture.x[b]], middle = (x + end) / 2;
			d += `H${x}C${middle} ${y} ${middle} ${to} ${end} ${to}`;
			x = end + W;
			y = to;
		});
		return {a: shown[a], b: shown[b], path: make("path", {d}, scene)};
	});
	const alike = tellApart(shown);
	cards = new Map(shown.map((item, s) => {
		const x = left[picture.x[s]], y = picture.y[s];
		return [item, {...drawCard(item, x, y - H / 2, alike.get(item)), x, y, inside: inside.has(item)}];
	}));
	paint();
}
function drawCard(item, x, y, marks = []) {
	const word = op(item), symbol = name(item).startsWith(word) ? "" : short(word, 50);
	const g = make("g", {id: `card${item}`, role: "option", transform: `translate(${x} ${y})`}, $("scene"));
	const text = (kind, y, words, x = 21) => make("text", {class: kind, x, y}, g, words), room = W - 31;
	make("rect", {class: "box", width: W, height: H, rx: 8}, g);
	const bar = make("rect", {x: 5, y: 8, height: H - 16, rx: 2}, g);
	const free = room - (symbol && widthOf(symbol, PLAIN) + 8), title = text("name", 20, short(name(item), free, BOLD));
	text("end", 20, symbol, W - 10);
	const size = item < 0 && `${many(groups[~item].size)} values`;
	const says = short(size ? [size, ...marks].join(", ") : marks[0] ?? "value", size ? room : 64);
	const label = text(marks[0] ? "where" : "", 37, says);
	const line = text(marks[1] ? "where" : "", 52, size ? "" : short(marks[1] ?? "grad", 52));
	const [value, grad] = [37, 52].map(y => text("end number", y, "", W - 10));
	return {g, title, room: free, bar, line, value, grad, mark: marks.join(" "), label, says};
}
// what tells items of one name apart: a group in which they differ, a sample, or both; else a number
function tellApart(items) {
	const named = new Map(), marks = new Map();
	for (const item of items) named.set(said(item), [...named.get(said(item)) ?? [], item]);
	for (const same of named.values()) if (same[1] !== undefined) {
		const ways = same.map(placesOf);
		const own = ways.map(places => places.filter(place => !ways.every(w => w.includes(place))));
		const tries = [places => places.slice(-1), places => places.slice(0, 1), places => [places.at(-1), places[0]]];
		const best = tries.map(some => own.map(some)).find(some => new Set(some.map(String)).size === same.length);
		same.forEach((item, k) => marks.set(item, best?.[k] ?? [...own[k].slice(-1), `no. ${k + 1}`]));
	}
	return marks;
}
function placesOf(item) {
	return way(item < 0 ? groups[~item].parent : D.home[item]).slice(1).flatMap(g => {
		const of = groups[g].views.length;
		return of > 1 ? [groups[g].name, `${copyOf(g, item) + 1} of ${of}`] : groups[g].name;
	});
}

// the step
const warn = (e, bad) => e.classList.toggle("warn", bad);
const classes = all => Object.keys(all).filter(key => all[key]).join(" ");
function paintValue(card, i, x, most) {
	const g = gradient(i), visited = n - i <= step;
	const width = isFinite(x) ? x && 2 + 7 * (abs(x) / most) ** .5 : 9;
	set(card.bar, {class: x > 0 ? "pos" : x < 0 ? "neg" : "warn", width});
	card.value.textContent = brief(value[i]);
	const none = visited ? "none" : "\u2013", more = received[i].every(done) ? "" : " \u2026";
	card.grad.textContent = g === undefined ? none : brief(g) + more;
	warn(card.value, wrong(value[i]));
	warn(card.grad, wrong(g));
	return `${card.mark ? card.mark + ", " : ""}${op(i) || "leaf"}, value ${fmt(value[i])}, gradient ${g === undefined ? "not yet" : fmt(g)}`;
}
const current = () => step ? cardOf(n - step) : undefined;
function paint() {
	const now = current(), all = shown.some(item => item < 0) && news();
	const lit = paths && new Set([...paths].flatMap(i => [i, cardOf(i)]));
	const selected = cards.has(chosen), dims = selected && !isChanged(chosen), near = new Set([chosen]);
	for (const {a, b} of edges) if (a === chosen || b === chosen) near.add(a).add(b);
	const dim = item => lit ? !lit.has(item) : dims && !near.has(item);
	const source = item => item < 0 || colour === "none" ? 0 : (colour === "value" ? value[item] : gradient(item)) ?? 0;
	const most = max(...shown.map(item => abs(source(item))).filter(isFinite), 1e-300);
	const begin = origin && (origin.of === "value" || wrong(gradient(origin.x))) ? cardOf(origin.i) : undefined;
	for (const [item, card] of cards) {
		const words = item < 0 ? paintGroup(card, item, all[~item]) : paintValue(card, item, source(item), most);
		const isNow = item === now, selected = item === chosen;
		const looks = classes({card: 1, group: item < 0, outside: !card.inside, now: isNow, selected, dim: dim(item), begin: item === begin});
		set(card.g, {class: looks, "aria-label": `${said(item)}, ${words}`, "aria-selected": selected});
		card.label.textContent = item === begin ? `first ${fmt(origin.number)}` : isChanged(item) ? "changed" : card.says;
	}
	for (const {a, b, path} of edges) {
		const never = a >= 0 && b >= 0 && total(b) !== undefined && !received[a].some(c => c.user === b);
		const away = dim(a) || dim(b) || !lit && dims && a !== chosen && b !== chosen;
		set(path, {class: classes({edge: 1, now: b === now && b >= 0, never, dim: away})});
	}
	set(graph, {"aria-activedescendant": selected ? `card${chosen}` : ""});
	$("slider").value = stopOf(step);
	$("count").textContent = `step ${stopOf(step)} / ${stops.length - 1}`;
	$("first").disabled = $("back").disabled = !step;
	$("next").disabled = $("over").disabled = stopOf(step) === stops.length - 1;
	tellStep();
	tellLeaf();
	tellChosen();
}
function crumbs() {
	$("crumbs").replaceChildren();
	const path = way(view);
	path.forEach((g, j) => {
		const c = g === view ? copy : copyOf(g, ~path[j + 1]), most = groups[g].views.length;
		const part = make("span", {}, $("crumbs"));
		if (g === view) make("b", {}, part, said(~g));
		else link(~g, part, () => enter(g, c, ~path[j + 1]));
		if (most > 1) askCopy(part, g, c, most);
	});
}
