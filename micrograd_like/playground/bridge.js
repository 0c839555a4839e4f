// bridge.js: the explorer's page of the selected sample's graph, with the numbers of this moment.

// Why it cannot be opened now; nothing, if it can.
function notExplored() {
	if (data.why) return data.why;
	if (!self.DecompressionStream) return "It takes a browser of 2023 or later.";
	return view.sample < 0 ? "Select a sample first to see its graph." : "";
}

const inflated = text => new Response(new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("deflate"))).text();

// Where a neuron's bias is among inputs, targets and parameters; an input is itself.
const placeOf = ({column, row}) => column ? width + data.columns[column - 1].neurons[row]?.at(-1) : row;

async function openExplorer() {
	if (notExplored()) return say(notExplored());
	setPlaying(false);
	const {sample, neuron} = view, {params, steps} = training.now, frame = make("iframe");
	const message = {numbers: [...rowOf(sample), ...params], place: neuron && placeOf(neuron)};
	$("bridge-name").textContent = frame.title = [`Sample ${sample}`, ...neuron ? [nameOfUnit(neuron)] : [], `step ${steps}`].join(", ");
	$("bridge").showModal();
	frame.sandbox = "allow-scripts allow-downloads";       // the picture that it saves
	frame.srcdoc = await inflated($("explorer").textContent);
	on(frame, "load", () => {
		frame.contentWindow.postMessage(message, "*");     // its origin has no name
		frame.focus();
	});
	$("guest").replaceChildren(frame);
}

function watchExplorer() {
	on(window, "message", event => {
		if (event.source === $("guest").firstChild?.contentWindow) $("bridge").close();
	});
	on($("bridge"), "close", () => setTimeout(() => {      // the key that closed it is still the guest's
		if (!$("bridge").open) $("guest").replaceChildren();
	}, 500));
}
