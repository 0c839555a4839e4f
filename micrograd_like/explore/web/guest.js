// a guest: the page that holds this one tells it the numbers of D.leaves, and which of these to look at
onmessage = ({source, data}) => {
	if (source !== parent) return;
	startFrom(data.numbers.map((x, k) => [D.leaves[k], x]).filter(([i]) => i >= 0));
	graph.focus();
	const user = inputs.findIndex(xs => xs.includes(D.leaves[data.place]));
	visit(user < 0 ? 1 : stopOf(n - user));
};
keys.Backspace = leave;
keys.Escape = () => parent.postMessage("back", "*");
