// Each view of the page, light and dark, as a desktop and as a phone shows it, from a real host with lifelike work: `make screenshots`.
//
//   node scripts/screenshots.mjs EASEL OUT [VIEW…]      needs chromium and chromedriver (Debian: chromium-driver)
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [binary, out, ...only] = process.argv.slice(2);
const home = mkdtempSync(join(tmpdir(), "easel-screenshots-"));
const children = [];

const freePort = () =>
	new Promise((done) => {
		const server = createServer();
		server.listen(0, "127.0.0.1", () => {
			const { port } = server.address();
			server.close(() => done(port));
		});
	});

function start(command, args) {
	const child = spawn(command, args, { stdio: "ignore" });
	child.on("error", (error) => fail(`cannot run ${command}: ${error.message}`));
	children.push(child);
}

function fail(message) {
	console.error(message);
	process.exitCode = 1;
	throw new Error(message);
}

async function until(what, probe) {
	for (let tries = 0; tries < 600; tries++) {
		const found = await probe().catch(() => null);
		if (found) return found;
		await new Promise((done) => setTimeout(done, 100));
	}
	fail(`gave up waiting for ${what}`);
}

const PROMPTS = [
	["a red fox in the snow at sunset", 768, 512],
	["a lighthouse on a cliff, storm, night", 512, 768],
	["golden wheat fields under a blue morning sky", 896, 512],
	["a quiet forest lake in autumn, mist", 512, 512],
	["a white cat on a windowsill, rain outside, warm lamp light", 640, 512],
	["mountains at dawn, pink clouds, wide angle", 1024, 448],
	["desert dunes at noon, deep orange, long shadows", 768, 512],
	["a violet night sky over the sea, full moon", 512, 640],
	["a green meadow with birds, spring, soft light", 640, 480],
	["an island in turquoise water from above", 512, 512],
	["snowy village in the evening, yellow windows", 768, 576],
	["an old oak on a hill, thunderstorm, teal and grey", 576, 768],
];
const USERS = ["ann", "ben", "kim"];

async function main() {
	const [port, driverPort] = [await freePort(), await freePort()];
	const host = `http://127.0.0.1:${port}`;
	writeFileSync(
		join(home, "easel.toml"),
		`default_backend = "flux-stub"
[[device]]
name = "gpu0"
[[device]]
name = "gpu1"
[backend.flux-stub]
component = "builtin:flux-stub"
devices = ["gpu0", "gpu1"]
[backend.forge]
component = "builtin:forge"
device = "gpu1"
allow_hosts = ["127.0.0.1:9"]
config = { url = "http://127.0.0.1:9" }
`,
	);
	start(binary, ["serve", "--config", join(home, "easel.toml"), "--data", join(home, "data"), "--listen", `127.0.0.1:${port}`]);
	await until("the host", async () => (await fetch(`${host}/readyz`)).ok);
	await until("its backends", async () => {
		const { backends } = await (await fetch(`${host}/v1/backends`)).json();
		return backends.every((one) => one.params_schema && one.health.status !== "loading");
	});
	const api = async (method, path, body) => {
		const answer = await fetch(host + path, {
			method,
			body: body && JSON.stringify(body),
			headers: body ? { "content-type": "application/json" } : {},
		});
		if (!answer.ok) fail(`${method} ${path}: ${await answer.text()}`);
		return answer.status === 204 ? null : answer.json();
	};
	const job = (index, more = {}, params = {}) => {
		const [prompt, width, height] = PROMPTS[index % PROMPTS.length];
		const user = USERS[index % 3];
		return { params: { prompt, width, height, step_ms: 3, steps: 12, seed: 4_000 + index * 77, ...params }, user, ...more };
	};
	const shared = { role: "user", extra_metadata: {} };
	const ids = [];
	for (let index = 0; index < 24; index++)
		ids.push(
			(await api("POST", "/v1/jobs", job(index, index % 6 === 5 ? { priority: 5 } : {}, index % 8 === 7 ? { count: 2 } : {}))).id,
		);
	// A conversation of a person and a painter.
	for (const [index, content] of [
		"Paint me a fox in the snow.",
		"Nice. The same by night, please.",
		"And one with a lighthouse?",
	].entries()) {
		await api("POST", "/v1/messages", { ...shared, conversation_id: "winter-postcards", content });
		const answer = await api("POST", "/v1/messages", {
			conversation_id: "winter-postcards",
			role: "assistant",
			content: ["Here is a fox in the snow.", "By night, with a moon:", "A lighthouse, in a storm:"][index],
			extra_metadata: {},
		});
		const prompt = ["a red fox in the snow at noon", "a red fox in the snow, night, full moon", "a lighthouse in a storm, night"][
			index
		];
		ids.push(
			(
				await api("POST", "/v1/jobs", {
					params: { prompt, width: 768, height: 512, step_ms: 3, steps: 8 },
					conversation_id: "winter-postcards",
					message_id: answer.id,
				})
			).id,
		);
	}
	await until(
		"the pictures",
		async () => (await api("GET", "/v1/queue")).length === 0 && (await api("GET", "/v1/queue")).processing.length === 0,
	);
	const late = await api("POST", "/v1/jobs", job(7, { timeout_s: 1, max_attempts: 1 }, { step_ms: 400, steps: 40 }));
	await api("POST", "/v1/jobs", job(8, { depends_on: [late.id], user: late.user }));
	await until("a failure", async () => (await api("GET", `/v1/jobs/${late.id}`)).status === "error");
	for (let index = 0; index < 2; index++) await api("POST", "/v1/jobs", job(index + 3, {}, { step_ms: 1500, steps: 60 }));
	await until("what runs", async () => (await api("GET", "/v1/queue")).processing.length === 2);
	const waiting = [];
	for (let index = 0; index < 16; index++)
		waiting.push(await api("POST", "/v1/jobs", job(index, index === 9 ? { priority: 20 } : {}, { step_ms: 200 })));
	for (let index = 0; index < 3; index++)
		await api("POST", "/v1/jobs", { backend: "forge", params: { prompt: PROMPTS[index + 4][0], steps: 28 }, user: USERS[index] });
	await api("POST", "/v1/jobs", job(2, { depends_on: [waiting[0].id], user: waiting[0].user }));
	await api("POST", "/v1/jobs", job(5, { not_before: new Date(Date.now() + 9 * 3_600_000).toISOString() }));
	await api("POST", `/v1/jobs/${waiting[3].id}/cancel`, {});
	await api("POST", `/v1/jobs/${waiting[4].id}/cancel`, {});

	start("chromedriver", [`--port=${driverPort}`]);
	const driver = `http://127.0.0.1:${driverPort}`;
	await until("chromedriver", async () => (await fetch(`${driver}/status`)).ok);
	const args = [
		"--headless",
		"--no-sandbox",
		"--disable-gpu",
		"--disable-quic",
		"--no-first-run",
		"--disable-background-networking",
		"--disable-component-update",
		"--disable-sync",
		"--hide-scrollbars",
		`--user-data-dir=${join(home, "profile")}`,
	];
	const wire = async (method, path, body) => {
		const answer = await (await fetch(driver + path, { method, body: body && JSON.stringify(body) })).json();
		if (answer.value?.error) fail(`${path}: ${answer.value.message}`);
		return answer.value;
	};
	const { sessionId } = await wire("POST", "/session", {
		capabilities: { alwaysMatch: { "goog:chromeOptions": { args }, "goog:loggingPrefs": { browser: "ALL" } } },
	});
	const session = `/session/${sessionId}`;
	const cdp = (cmd, params) => wire("POST", `${session}/goog/cdp/execute`, { cmd, params });
	const script = (text, ...args) => wire("POST", `${session}/execute/sync`, { script: text, args });

	const [picture] = (await api("GET", `/v1/jobs/${ids[0]}`)).artifacts;
	const running = (await api("GET", "/v1/queue")).processing[0].id;
	const views = {
		create: "#/create",
		queue: "#/queue",
		gallery: "#/gallery",
		lightbox: `#/gallery/${ids[0]}/${picture.name}`,
		compare: `#/gallery/${ids[0]}/${picture.name}?with=${ids[12]}/0.png`,
		job: `#/jobs/${ids[1]}`,
		running: `#/jobs/${running}`,
		failed: `#/jobs/${late.id}`,
		conversations: "#/conversations",
		conversation: "#/conversations/winter-postcards",
		timeline: "#/timeline?span=10m",
		backends: "#/backends",
		log: "#/log",
		settings: "#/settings",
	};
	const sent = JSON.stringify([
		{
			key: "s",
			envelopes: [],
			backend: "flux-stub",
			prompt: "",
			status: "sent",
			ids: [running, ids[0], ids[8], waiting[1].id, ids[10], ids[5], ids[3], ids[6], ids[7]],
			why: null,
			field: null,
		},
	]);
	const draft = JSON.stringify({
		backend: "flux-stub",
		values: { prompt: "a red fox in the snow at sunset, soft light", width: "768", height: "512", seed: "1234567890" },
	});
	mkdirSync(out, { recursive: true });
	for (const [size, width, height, mobile] of [
		["desktop", 1440, 900, false],
		["phone", 390, 844, true],
	]) {
		await cdp("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: mobile ? 2 : 1, mobile });
		for (const theme of ["light", "dark"]) {
			await cdp("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: theme }] });
			for (const [name, hash] of Object.entries(views)) {
				if (only.length && !only.includes(name)) continue;
				await wire("POST", `${session}/url`, { url: `${host}/#/settings` });
				await script(
					"localStorage.setItem('easel.draft', arguments[0]); sessionStorage.setItem('easel.sent', arguments[1]);",
					draft,
					sent,
				);
				await wire("POST", `${session}/url`, { url: `${host}/?${name}-${theme}-${size}${hash}` });
				await until(name, () =>
					script(
						"return document.querySelector('#connection.live') && document.querySelectorAll('main > *').length > 0 && [...document.images].filter((one) => one.getBoundingClientRect().top < innerHeight).every((one) => one.complete)",
					),
				);
				await new Promise((done) => setTimeout(done, 700)); // previews and the last of what is read
				const { data } = await cdp("Page.captureScreenshot", { format: "png" });
				writeFileSync(join(out, `${name}-${size}-${theme}.png`), Buffer.from(data, "base64"));
			}
		}
	}
	const log = await wire("POST", `${session}/se/log`, { type: "browser" });
	for (const { level, message } of log) console.log(level, message);
	await wire("DELETE", session);
}

try {
	await main();
} finally {
	for (const child of children) child.kill("SIGTERM");
	setTimeout(() => rmSync(home, { recursive: true, force: true }), 1500);
}
