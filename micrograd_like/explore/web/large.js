// too many cards for one view: the selected one and the nearest 200
function neighbourhood(layout, items, slots, centre) {
	const slot = i => slots.get(itemIn(view, i)) ?? slots.get(i);
	const around = i => [...inputs[i], ...received[i].map(c => c.user)].map(slot);
	const near = s => members(items[s]).flatMap(around).filter(t => t !== undefined && t !== s);
	const queue = new Set([centre ?? slot(n - max(step, 1)) ?? 0]), columns = [], place = new Map();
	for (const s of queue) if (queue.size < 201) for (const t of near(s)) if (queue.size < 201) queue.add(t);
	for (let s = 0; queue.size < 201; s++) queue.add(s);
	for (const s of queue) (columns[layout.x[s]] ??= []).push(s);
	columns.filter(Boolean).forEach((column, c) => column.sort((a, b) => layout.y[a] - layout.y[b]).forEach((s, j) =>
		place.set(s, {p: place.size, x: c, y: (j - column.length / 2) * (H + GAP_Y)})));
	const all = [...place.keys()];
	const after = s => [...new Set(near(s))].filter(t => layout.x[t] > layout.x[s] && place.has(t));
	return {
		left: Array.from(columns, (_, c) => c * (W + layout.gap)), items: all.map(s => items[s]),
		x: all.map(s => place.get(s).x), y: all.map(s => place.get(s).y),
		e: all.flatMap((s, p) => after(s).map(t => [p, place.get(t).p])),
	};
}
