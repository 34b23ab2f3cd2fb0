//! A simulated Stable Diffusion WebUI Forge on a real socket, with the habits that matter to a careful client: one FIFO
//! lock, a progress that is global and carries no task id, an interrupt that hits whatever runs, and no interest in
//! whether the caller is still there. It keeps book of what had its GPU. [`Habits`] turn it into its relatives.

mod engine;
mod lists;

pub use engine::{End, Habits, Veil, Whose};
pub use lists::MODELS;

use super::eventually;
use bytes::Bytes;
use engine::Engine;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The route that frees its memory.
pub const UNLOAD: &str = "POST /sdapi/v1/unload-checkpoint";

/// How often whoever waits inside looks whether it may go on.
const TICK: Duration = Duration::from_millis(5);

/// A running simulation; it ends with the test's runtime.
#[derive(Clone)]
pub struct Forge {
    address: SocketAddr,
    engine: Arc<Mutex<Engine>>,
    lock: Arc<tokio::sync::Mutex<()>>,
    /// The connections, and what was begun for them: what dies with the process.
    process: Arc<Mutex<JoinSet<()>>>,
}

impl Forge {
    /// Listens on a port of its own.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
        let address = listener.local_addr().expect("an address");
        let forge = Self { address, engine: Arc::default(), lock: Arc::default(), process: Arc::default() };
        forge.listen(listener);
        forge
    }

    fn listen(&self, listener: TcpListener) {
        let server = self.clone();
        self.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let forge = server.clone();
                server.spawn(async move {
                    let service = service_fn(move |request| forge.clone().serve(request));
                    let connection = hyper::server::conn::http1::Builder::new();
                    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.process.lock().expect("process").spawn(task);
    }

    /// The engine's process dies, with everything that it was at.
    pub async fn crash(&self) {
        let mut process = std::mem::take(&mut *self.process.lock().expect("process"));
        process.shutdown().await;
        let mut engine = self.engine();
        (engine.running, engine.in_flight, engine.interrupted) = (None, 0, false);
        engine.waiting.clear();
        engine.done.clear();
        engine.raised = None;
    }

    /// And is started again.
    pub async fn come_back(&self) {
        let listener = eventually("the port to be free", async || TcpListener::bind(self.address).await.ok()).await;
        self.listen(listener);
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes how the engine behaves from now on.
    pub fn change(&self, change: impl FnOnce(&mut Habits)) {
        change(&mut self.engine().habits);
    }

    /// Somebody else asks for a picture, on the engine's page or past Easel.
    pub fn foreign(&self) {
        let wanted = json!({"prompt": "somebody else's", "steps": 3, "force_task_id": "task(somebody-else)"});
        self.engine().arrive(Whose::Others, "txt2img", &wanted);
        let forge = self.clone();
        self.spawn(async move {
            forge.generate(Whose::Others, "txt2img", wanted).await;
        });
    }

    /// Somebody presses the button on the engine's page.
    pub fn press_interrupt(&self) {
        self.engine().interrupt();
    }

    /// Waits until the GPU is at this one's work.
    pub async fn until_at(&self, whose: Whose) {
        let what = format!("the engine to be at {whose:?}");
        eventually(&what, async || self.is_at(whose).then_some(())).await;
    }

    fn is_at(&self, whose: Whose) -> bool {
        self.engine().running.as_ref().is_some_and(|running| running.whose == whose && !running.loading)
    }

    /// Waits until a request of Easel's is here.
    pub async fn until_asked(&self) {
        eventually("the engine to be asked", async || (self.in_flight() > 0).then_some(())).await;
    }

    /// The most of Easel's jobs that were here at once, those in line for the engine's own lock included.
    pub fn max_concurrent(&self) -> usize {
        self.engine().max_concurrent
    }

    /// Easel's jobs that are here now.
    pub fn in_flight(&self) -> usize {
        self.engine().in_flight
    }

    /// The bodies of all jobs, in the order in which they came.
    pub fn requests(&self) -> Vec<Value> {
        self.engine().requests.iter().map(|(_, body)| body.clone()).collect()
    }

    /// The routes of all jobs.
    pub fn routes(&self) -> Vec<String> {
        self.engine().requests.iter().map(|(route, _)| route.clone()).collect()
    }

    /// How often a route was called, such as `POST /sdapi/v1/interrupt`.
    pub fn calls(&self, route: &str) -> usize {
        self.engine().calls.iter().filter(|call| *call == route).count()
    }

    /// Waits until the engine was asked this often in all to free its memory.
    pub async fn until_unloaded(&self, times: usize) {
        let enough = async || (self.calls(UNLOAD) >= times).then_some(());
        eventually("the engine to be asked to free its memory", enough).await;
    }

    /// How often the engine was asked to free its memory.
    pub fn unloads(&self) -> usize {
        self.calls(UNLOAD)
    }

    /// What had the GPU, in order, and how it ended.
    pub fn runs(&self) -> Vec<(Whose, End)> {
        self.engine().runs.clone()
    }

    /// Interrupts that hit somebody else's work.
    pub fn others_interrupted(&self) -> usize {
        self.engine().others_interrupted
    }

    fn engine(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().expect("engine")
    }

    async fn serve(self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let route = format!("{} {}", request.method(), request.uri().path());
        self.engine().calls.push(route.clone());
        let with_image = request.uri().query() == Some("skip_current_image=false");
        let login = request.headers().get("authorization").and_then(|login| login.to_str().ok()).map(str::to_owned);
        let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let body: Option<Value> = serde_json::from_slice(&body).ok();
        let veil = if route.ends_with("/progress") { self.engine().habits.veil } else { None };
        if let Some(veil) = veil {
            let (status, text) = match veil {
                Veil::Status(status) => (status, String::new()),
                Veil::Text(text) => (200, text.to_owned()),
                Veil::Silence => std::future::pending().await,
            };
            return Ok(Response::builder().status(status).body(Full::from(text)).expect("a response"));
        }
        let (status, reply) = match route.as_str() {
            _ if self.refuses(&route, login.as_deref()) => (401, json!({"detail": "Not authenticated"})),
            "POST /sdapi/v1/txt2img" | "POST /sdapi/v1/img2img" => {
                let kind = route.rsplit('/').next().expect("a route").to_owned();
                self.asked(kind, body).await?
            }
            _ => {
                while route == UNLOAD && self.engine().habits.hold_unload {
                    tokio::time::sleep(TICK).await;
                }
                self.aside(&route, body, with_image)
            }
        };
        let response = Response::builder().status(status).header("content-type", "application/json");
        let reply = if status == 204 { String::new() } else { reply.to_string() };
        Ok(response.body(Full::from(reply)).expect("a response"))
    }

    /// The page's own routes are not covered by the API's login.
    fn refuses(&self, route: &str, login: Option<&str>) -> bool {
        let wanted = self.engine().habits.login;
        wanted.is_some() && wanted != login && !route.ends_with("/internal/progress")
    }

    /// Whatever is answered at once.
    fn aside(&self, route: &str, body: Option<Value>, with_image: bool) -> (u16, Value) {
        let mut engine = self.engine();
        let not_there = (404, json!({"detail": "Not Found"}));
        match route {
            "GET /sdapi/v1/progress" if !engine.habits.mute && !engine.habits.no_progress => {
                (200, engine.progress(with_image))
            }
            "POST /internal/progress" if engine.habits.web_ui && !engine.habits.mute => {
                (200, engine.task_progress(body.unwrap_or_default()["id_task"].as_str().unwrap_or_default()))
            }
            "POST /sdapi/v1/interrupt" if !engine.habits.mute => {
                engine.interrupt();
                (if engine.habits.interrupt_is_204 { 204 } else { 200 }, json!({}))
            }
            "POST /sdapi/v1/skip" | "POST /sdapi/v1/options" | UNLOAD if !engine.habits.mute => (200, Value::Null),
            "GET /sdapi/v1/sd-modules" if engine.habits.mute => not_there,
            _ => lists::answer(route).map_or(not_there, |answer| (200, answer)),
        }
    }

    /// A request for pictures. An error: the connection breaks.
    async fn asked(self, kind: String, body: Option<Value>) -> io::Result<(u16, Value)> {
        let Some(wanted) = body else {
            let detail = json!([{"type": "json_invalid", "loc": ["body"], "msg": "JSON decode error"}]);
            return Ok((422, json!({ "detail": detail })));
        };
        if let Some(refusal) = self.refusal(&kind, &wanted) {
            return Ok(refusal);
        }
        let question = wanted["prompt"] == "." && wanted["steps"] == 1;
        let whose = if question { Whose::Question } else { Whose::Easels };
        if self.engine().habits.cut_in {
            self.foreign();
            while !self.is_at(Whose::Others) {
                tokio::time::sleep(TICK).await;
            }
        }
        self.engine().arrive(whose, &kind, &wanted);
        let (done, answer) = tokio::sync::oneshot::channel();
        let (forge, lost) = (self.clone(), self.engine().habits.lose_answers);
        // In a task of its own: Forge goes on when its caller hangs up.
        self.spawn(async move {
            let answer = forge.generate(whose, &kind, wanted).await;
            while whose == Whose::Easels && forge.engine().habits.hold_answers {
                tokio::time::sleep(TICK).await;
            }
            let _ = done.send(answer);
        });
        if lost && whose == Whose::Easels {
            while !self.is_at(whose) {
                tokio::time::sleep(TICK).await;
            }
            return Err(io::Error::other("the connection breaks"));
        }
        answer.await.map_err(io::Error::other)
    }

    /// What is refused before it stands in line.
    fn refusal(&self, kind: &str, wanted: &Value) -> Option<(u16, Value)> {
        let engine = self.engine();
        let has_null = wanted.as_object().is_some_and(|fields| fields.values().any(Value::is_null));
        if engine.habits.mute && has_null {
            return Some((500, json!({"error": "server_error", "message": "type must be string, but is null"})));
        }
        if engine.habits.busy_is_503 && engine.running.is_some() {
            return Some((503, json!({"detail": "Server is busy; please try again later."})));
        }
        if kind == "img2img" {
            match wanted["init_images"][0].as_str() {
                None => return Some((404, json!({"detail": "Init image not found"}))),
                // A signature and nothing behind it.
                Some(image) if image.len() < 40 => return Some((500, json!({"detail": "Invalid encoded image"}))),
                Some(_) => {}
            }
        }
        None
    }

    async fn generate(&self, whose: Whose, kind: &str, wanted: Value) -> (u16, Value) {
        let _turn = self.lock.lock().await;
        self.engine().begin(whose, kind, &wanted);
        let end = self.sample(whose).await;
        let mut engine = self.engine();
        engine.end(whose, end);
        if whose == Whose::Easels {
            engine.in_flight -= 1;
        }
        engine.answer(&wanted, end)
    }

    /// Loads the model, and goes step by step.
    async fn sample(&self, whose: Whose) -> End {
        while self.engine().habits.hold_load {
            tokio::time::sleep(TICK).await;
        }
        let total = {
            let mut engine = self.engine();
            if engine.interrupted {
                return End::Nothing;
            }
            let running = engine.running.as_mut().expect("it runs");
            running.loading = false;
            running.steps * running.passes
        };
        for step in 0..total {
            let pause = {
                let mut engine = self.engine();
                engine.running.as_mut().expect("it runs").step = step;
                engine.habits.step
            };
            tokio::time::sleep(pause).await;
            while step + 1 == total && self.is_held(whose) && !self.interrupted() {
                tokio::time::sleep(TICK).await;
            }
            if self.interrupted() {
                while self.engine().habits.hold_end {
                    tokio::time::sleep(TICK).await;
                }
                return End::Partial;
            }
        }
        End::Whole
    }

    fn is_held(&self, whose: Whose) -> bool {
        let engine = self.engine();
        match whose {
            Whose::Easels => engine.habits.hold,
            Whose::Others => engine.habits.hold_others,
            Whose::Question => false,
        }
    }

    fn interrupted(&self) -> bool {
        self.engine().interrupted
    }
}
