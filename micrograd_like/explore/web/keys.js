// keys and buttons
function saveSvg() {
	const b = bounds(), picture = make("svg", {xmlns: SVG, viewBox: [b.x, b.y, b.width, b.height], width: b.width});
	const style = getComputedStyle(document.documentElement);
	const look = $("look").textContent.replace(/var\((--\w+)\)/g, (_, key) => style.getPropertyValue(key));
	make("style", {}, picture, look);
	picture.append(...[...$("scene").children].map(e => e.cloneNode(true)));
	const text = new XMLSerializer().serializeToString(picture);
	const href = URL.createObjectURL(new Blob([text], {type: "image/svg+xml"}));
	make("a", {href, download: `${groups[view].name.replace(/\W+/g, "_")}.svg`}).click();
	setTimeout(() => URL.revokeObjectURL(href), 999);
}
const keys = {
	n: () => visit(stopOf(step) + 1), p: () => visit(stopOf(step) - 1), o: over, " ": () => play(),
	Home: () => visit(0, true), End: () => visit(n, true),
	a: togglePaths, r: showMore, Enter: () => dive(chosen), Escape: leave,
	"/": () => $("find").focus(), "?": () => $("help").showModal(),
	"+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(.8), 0: fit,
};
onkeydown = e => {
	const on = e.target, {key} = e;
	if (e.ctrlKey || e.metaKey || e.altKey || $("help").open) return;
	if (on.matches("#find, #copy, #number, #sample, select")) {
		if (key === "Escape") graph.focus();
		else if (key === "Enter" && on.id === "find") findNext();
		return;
	}
	if (/^(Enter|\s)$/.test(key) && on.matches("a, button") || on.type === "range" && /^(Arrow|Home|End)/.test(key)) return;
	if (key.startsWith("Arrow")) arrow(key);
	else if (keys[key]) keys[key]();
	else return;
	e.preventDefault();
};
for (const [id, key] of Object.entries({first: "Home", back: "p", next: "n", over: "o", play: " ", fit: 0, ask: "?"}))
	$(id).onclick = () => keys[key]();
$("save").onclick = saveSvg;
$("slider").max = stops.length - 1;
$("slider").oninput = () => visit(+$("slider").value);
$("colour").onchange = () => {colour = $("colour").value; paint(); remember();};
onpopstate = () => {if (location.hash !== hash) recall();};
$("size").textContent = `${many(n)} values`;
document.title = `explore: ${said(n - 1)}, ${n} values`;
backward(D);
recall();
new ResizeObserver(settle).observe(graph);
(window.requestIdleCallback ?? setTimeout)(index);
