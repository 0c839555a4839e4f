// a guest: the page that holds this one tells it the numbers of D.leaves, and which of these to look at
onmessage = ({source, data: {numbers, place}}) => {
	if (source !== parent) return;
	startFrom(numbers.map((x, k) => [D.leaves[k], x]).filter(([i]) => i >= 0));
	graph.focus();
	const user = inputs.findIndex(xs => xs.includes(D.leaves[place]));
	visit(user < 0 ? 1 : stopOf(n - user));
};
keys.Backspace = leave;
keys.Escape = () => parent.postMessage("back", "*");
