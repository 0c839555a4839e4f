// moving around
let hash, late, epoch = 0, sample = 0, show = () => {}, edits = () => "", edit = () => {};
function remember(push) {
	clearTimeout(late);
	hash = "#" + [view, copy, step, chosen ?? "", colour, epoch, sample, edits()];
	const write = () => {
		try {
			history[push ? "pushState" : "replaceState"](null, "", hash);
		} catch {/* a notebook's frame has no address */}
	};
	if (push) write(); else late = setTimeout(write, 60); // browsers allow few of them in a second
}
function recall() {
	const given = location.hash.slice(1).split(","), last = (D.epochs?.length ?? 1) - 1;
	const whole = (k, low, high, other) => {
		const x = /^-?\d+$/.test(given[k]) ? +given[k] : NaN;
		return x >= low && x < high ? x : other;
	};
	view = whole(0, 0, groups.length, 0);
	copy = whole(1, 0, groups[view].views.length, 0);
	goTo(stops[stopOf(whole(2, 0, n + 1, 0))]);
	chosen = whole(3, 1 - groups.length, n, null);
	colour = $("colour").value = ["value", "none"].includes(given[4]) ? given[4] : "gradient";
	show(whole(5, 0, last + 1, last), whole(6, 0, D.samples?.rows.length ?? 1, 0));
	edit(given[7] ?? "");
	hash = location.hash;
	look();
}
function look() {
	paths = null;
	setWhole(chosen ?? undefined);
	drawn = undefined;
	crumbs();
	settle();
}
// what is asked for is in view: what is selected, or the step
function settle() {
	if (step && !whole.place.has(chosen)) return bring();
	fit(true);
	see(chosen);
}
function enter(g, c = 0, select = null, push = true) {
	view = g;
	copy = c;
	chosen = select;
	look();
	remember(push);
	if (!matchMedia("(prefers-reduced-motion:reduce)").matches) $("scene").animate([{opacity: 0}, {opacity: 1}], 150);
}
function leave() {
	const {parent} = groups[view];
	if (view) enter(parent, copyOf(parent, ~view), ~view); else choose(null);
}
function choose(item) {
	chosen = item;
	paths = null;
	if (item === null || cards.has(item) && !layoutOf().big) paint();
	else {setWhole(item); draw(); fit(true);}
	see(item);
	remember();
}
function reveal(item, goHome) {
	if (isConstant(item)) item = received[item][0]?.user ?? n - 1;
	const g = item < 0 ? groups[~item].parent : D.home[item], c = copyOf(g, item);
	if (!goHome && cards.has(item) || g === view && c === copy) choose(item); else enter(g, c, item);
}
// to a step: into the group where it happens, unless that is open as a part of this view
function visit(stop, stay) {
	goTo(stops[max(0, min(stops.length - 1, stop))]);
	const i = n - step, isBag = g => groups[g].kind === "leaves";
	let g = step && D.home[i];
	while (isBag(g)) g = groups[g].parent;
	const away = isBag(view) && way(D.home[i]).includes(view) ? false : g !== view || copyOf(g, i) !== copy;
	if (step && away && !(stay && itemIn(view, i) < 0 && cardOf(i) !== undefined)) enter(g, copyOf(g, i), null, false);
	else if (step) bring(); else {paint(); see(n - 1);}
	remember();
}
function over() {
	const next = stopOf(step) + 1, item = next < stops.length && itemIn(view, n - stops[next]);
	if (item < 0) visit(max(next, stopOf(groups[~item].last)), true); else visit(next);
}
function togglePaths() {
	if (chosen === null) return;
	paths = paths ? null : new Set(members(chosen));
	for (const i of paths ?? []) for (const c of received[i]) paths.add(c.user);
	paint();
}
function arrow(key) {
	const card = cards.get(chosen), far = {ArrowUp: -1, ArrowDown: 1}[key], left = key === "ArrowLeft";
	if (!card) return choose(shown.includes(n - 1) ? n - 1 : shown.findLast(item => cards.get(item).inside));
	if (far) {
		const {x} = card, y = item => cards.get(item).y;
		const column = shown.filter(item => cards.get(item).x === x).sort((a, b) => y(a) - y(b));
		return choose(column[max(0, min(column.length - 1, column.indexOf(chosen) + far))]);
	}
	const next = edges.filter(e => (left ? e.b : e.a) === chosen).map(e => left ? e.a : e.b);
	if (next.length) choose((left ? inputs[chosen]?.find(x => next.includes(x)) : undefined) ?? next[0]);
}
function dive(item) {
	if (item < 0) enter(~item); else if (item !== null && !cards.get(item)?.inside) reveal(item, true); else takeUp();
}

// playing: a step at a time, by itself
let playing;
function play(on = !playing) {
	clearInterval(playing);
	playing = on && setInterval(() => {
		visit(stopOf(step) + 1);
		if (stopOf(step) === stops.length - 1) play(false);
	}, 700);
	$("play").textContent = playing ? "Pause" : "Play";
}
