//! A real browser: Chromium, headless, by the W3C WebDriver protocol through `chromedriver`.

use super::eventually;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// What to do where there is no browser.
const MISSING: &str = "the tests of the page need Chromium and chromedriver: \
                       apt-get install chromium chromium-driver (or the like), or name another one in CHROMEDRIVER";
/// What a window is as wide and high as, unless a test says otherwise.
const SIZE: (u32, u32) = (1440, 900);

/// A browser with one window. Dropped: closed.
pub struct Browser {
    driver: Child,
    session: String,
    http: reqwest::Client,
    _profile: TempDir,
}

impl Browser {
    /// A fresh one, which remembers nothing.
    pub async fn open() -> Self {
        let name = std::env::var("CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".to_owned());
        // The port that it chooses may be somebody else's by the time at which it takes it.
        let (driver, port) = eventually("chromedriver to start", async || start(&name).await).await;
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(120)).build().expect("HTTP");
        let profile = tempfile::tempdir().expect("a temporary directory");
        let mut browser = Self { driver, session: format!("http://127.0.0.1:{port}"), http, _profile: profile };
        let (width, height) = SIZE;
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            &format!("--window-size={width},{height}"),
            &format!("--user-data-dir={}", browser._profile.path().display()),
        ];
        let wanted = json!({"alwaysMatch": {"goog:chromeOptions": {"args": arguments}, "goog:loggingPrefs": {"browser": "ALL"}}});
        let begun = browser.ask("POST", "/session", json!({"capabilities": wanted})).await;
        let id = begun["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {begun}. {MISSING}")).to_owned();
        browser.session = format!("{}/session/{id}", browser.session);
        browser
    }

    /// One command of the protocol: its value, an error included.
    async fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        let request = self.http.request(method.parse().expect("a method"), format!("{}{path}", self.session));
        let request = if method == "GET" { request } else { request.json(&body) };
        let reply: Value = request.send().await.expect("chromedriver").json().await.expect("JSON of chromedriver");
        reply["value"].clone()
    }

    /// The same, which must succeed.
    async fn command(&self, method: &str, path: &str, body: Value) -> Value {
        let value = self.ask(method, path, body).await;
        assert!(value["error"].is_null(), "{method} {path}: {value:#}");
        value
    }

    /// Goes to an address, and waits until it is loaded.
    pub async fn go(&self, url: &str) {
        self.command("POST", "/url", json!({ "url": url })).await;
    }

    /// Loads the page again.
    pub async fn reload(&self) {
        self.command("POST", "/refresh", json!({})).await;
    }

    /// Back, as by the button.
    pub async fn back(&self) {
        self.command("POST", "/back", json!({})).await;
    }

    /// Runs a function's body on the page: what it returns.
    pub async fn run(&self, script: &str, arguments: Value) -> Value {
        self.command("POST", "/execute/sync", json!({"script": script, "args": arguments})).await
    }

    /// The same of one whose last argument is called with the answer.
    pub async fn run_async(&self, script: &str, arguments: Value) -> Value {
        self.command("POST", "/execute/async", json!({"script": script, "args": arguments})).await
    }

    /// Waits until an expression is true on the page, and gives it. A failure shows what the page says.
    pub async fn until(&self, what: &str, expression: &str) -> Value {
        let script = format!("return ({expression}) || null");
        let waited = tokio::time::timeout(
            super::BOUND,
            eventually(what, async || {
                let value = self.ask("POST", "/execute/sync", json!({"script": script, "args": []})).await;
                assert!(value["error"] != "javascript error", "{what}: {value:#}");
                (!value.is_null() && value["error"].is_null()).then_some(value)
            }),
        );
        match waited.await {
            Ok(value) => value,
            Err(_) => panic!("gave up waiting for {what}. The page says:\n{}", self.text("body").await),
        }
    }

    /// Waits until the page shows this text.
    pub async fn shows(&self, text: &str) {
        self.until(&format!("the text {text:?}"), &format!("document.body.innerText.includes({})", json!(text))).await;
    }

    /// Waits until it does not.
    pub async fn hides(&self, text: &str) {
        self.until(&format!("{text:?} to go"), &format!("!document.body.innerText.includes({})", json!(text))).await;
    }

    /// What is written in the first element of a selector.
    pub async fn text(&self, selector: &str) -> String {
        let text = self.run("return document.querySelector(arguments[0])?.innerText ?? ''", json!([selector])).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// The element of a CSS selector, waited for.
    async fn element(&self, selector: &str) -> String {
        eventually(&format!("an element {selector}"), async || {
            let found = self.ask("POST", "/element", json!({"using": "css selector", "value": selector})).await;
            found.as_object()?.values().next()?.as_str().filter(|_| found["error"].is_null()).map(str::to_owned)
        })
        .await
    }

    /// Clicks, as a person does: what is covered cannot be clicked.
    pub async fn click(&self, selector: &str) {
        eventually(&format!("to click {selector}"), async || {
            let element = self.element(selector).await;
            let value = self.ask("POST", &format!("/element/{element}/click"), json!({})).await;
            value["error"].is_null().then_some(())
        })
        .await;
    }

    /// Clicks the button with this text in the elements of a selector.
    pub async fn press(&self, within: &str, text: &str) {
        let mark = "const all = [...document.querySelectorAll(arguments[0])].flatMap((one) => [...one.querySelectorAll('button')]);\
                    const found = all.find((one) => one.innerText.trim().startsWith(arguments[1]) || one.ariaLabel === arguments[1]);\
                    found?.setAttribute('data-pressed', arguments[2]); return Boolean(found)";
        let once = uuid::Uuid::now_v7().to_string();
        eventually(&format!("a button {text:?}"), async || {
            (self.run(mark, json!([within, text, once])).await == true).then_some(())
        })
        .await;
        self.click(&format!("[data-pressed=\"{once}\"]")).await;
    }

    /// Types into an element, after what is in it.
    pub async fn type_into(&self, selector: &str, text: &str) {
        let element = self.element(selector).await;
        self.command("POST", &format!("/element/{element}/value"), json!({ "text": text })).await;
    }

    /// Presses keys, wherever the focus is, the first of them held if there are several.
    pub async fn keys(&self, keys: &[&str]) {
        let down = keys.iter().map(|key| json!({"type": "keyDown", "value": key}));
        let up = keys.iter().rev().map(|key| json!({"type": "keyUp", "value": key}));
        let actions: Vec<Value> = down.chain(up).collect();
        self.command("POST", "/actions", json!({"actions": [{"type": "key", "id": "k", "actions": actions}]})).await;
    }

    /// Drags the middle of one element to that of another, and `further` pixels down.
    pub async fn drag(&self, from: &str, to: &str, further: i64) {
        let middle = "const { x, y, width, height } = document.querySelector(arguments[0]).getBoundingClientRect();\
                      return [Math.round(x + width / 2), Math.round(y + height / 2)]";
        let (from, to) = (self.run(middle, json!([from])).await, self.run(middle, json!([to])).await);
        let end = to[1].as_i64().expect("a place") + further;
        let actions = json!([
            {"type": "pointerMove", "x": from[0], "y": from[1]},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerMove", "x": to[0], "y": end, "duration": 100},
            {"type": "pointerUp", "button": 0},
        ]);
        let mouse = json!({"actions": [{"type": "pointer", "id": "mouse", "actions": actions}]});
        self.command("POST", "/actions", mouse).await;
    }

    /// The window that there is, by its handle.
    pub async fn window(&self) -> Value {
        self.command("GET", "/window", json!({})).await
    }

    /// Opens another window, and goes on in it.
    pub async fn new_window(&self) -> Value {
        let made = self.command("POST", "/window/new", json!({"type": "window"})).await;
        self.switch_to(&made["handle"]).await;
        made["handle"].clone()
    }

    /// Goes on in a window.
    pub async fn switch_to(&self, handle: &Value) {
        self.command("POST", "/window", json!({ "handle": handle })).await;
    }

    /// A command of Chromium's own protocol.
    pub async fn chromium(&self, command: &str, params: Value) -> Value {
        self.command("POST", "/goog/cdp/execute", json!({"cmd": command, "params": params})).await
    }

    /// What the console says, since it was last asked: of a fault.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.command("POST", "/se/log", json!({"type": "browser"})).await;
        let lines = log.as_array().expect("a list").iter();
        let bad = lines.filter(|line| line["level"] == "SEVERE" || line["level"] == "WARNING");
        bad.map(|line| line["message"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// The process, and the port that it has, if it got one.
async fn start(name: &str) -> Option<(Child, String)> {
    let mut driver = Command::new(name)
        .arg("--port=0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run {name}: {error}. {MISSING}"));
    let output = BufReader::new(driver.stdout.take().expect("stdout"));
    let port = tokio::task::spawn_blocking(move || {
        let mut lines = output.lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            Some(line.split_once("started successfully on port ")?.1.trim_end_matches('.').to_owned())
        });
        // It must be able to go on writing.
        std::thread::spawn(move || lines.for_each(drop));
        port
    });
    match port.await.expect("a thread") {
        Some(port) => Some((driver, port)),
        None => {
            driver.wait().expect("chromedriver");
            None
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // What it has started outlives it, however it ends.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        let profile = self._profile.path().to_owned();
        for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let said = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            if !String::from_utf8_lossy(&said).contains(&*profile.to_string_lossy()) {
                continue;
            }
            let pid = process.file_name().to_string_lossy().parse().ok().and_then(rustix::process::Pid::from_raw);
            let _ = pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL));
        }
    }
}
