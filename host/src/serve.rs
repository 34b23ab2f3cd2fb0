//! The host, from the first file to the last commit: what starts in which order, and what stops.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use easel_core::decide::Limits;
use easel_core::policy::Backoff;
use easel_core::state::Binding;
use easel_core::{Artifact, Command, JobId, Retention, Timestamp, Viewer};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::artifacts::Files;
use crate::backends::{Breaker, Entry, Loading, Registry, Standing, out_of_reach};
use crate::clock::Clock;
use crate::config::{self, Config, Database};
use crate::devices::{Devices, Local, Memory, Worker};
use crate::leases::{Holders, backend_of_leases};
use crate::scheduler::{Scheduler, Setup};
use crate::show::Links;
use crate::store::{Embedded, Home, Location, Sizes, Store, StoreError};
use crate::upkeep::{DiskWatch, Pruner, tell_lacking};
use crate::{open_files, space, web};

/// How long an upload that no job uses is kept.
const UPLOADS: Duration = Duration::from_hours(24);
/// Jobs that one command changes at the most: a longer transaction would keep devices waiting.
const SLICE: usize = 256;
/// Rows of a kind that are let go of at once: each costs several times what a change does.
const PRUNED: usize = 32;
/// Files that a host has open before it serves anybody, where the system does not say.
const FILES_OPEN: u64 = 40;
/// How often it is looked whether the directories are where they were, besides before each commit.
const LOOK: Duration = Duration::from_secs(2);
/// Jobs whose rows are read at once while the files are swept.
const SWEEP: usize = 256;

/// Runs the host until it is told to stop, or until it must.
pub async fn run(config: Config, adopted: bool) -> anyhow::Result<()> {
    let files_limit = open_files::raise();
    anyhow::ensure!(
        files_limit >= web::LEAST_FILES,
        "this process may have {files_limit} files and connections open, and needs {} at least: raise the limit (`ulimit -n`, or \
         LimitNOFILE= of a systemd unit)",
        web::LEAST_FILES
    );
    let stop = stop_signal()?;
    let (data, temporary) = data_directory(&config)?;
    // Started elsewhere by mistake it would be another queue, an empty one.
    let place = match &temporary {
        Some(_) => "in memory only, gone when this process ends".to_owned(),
        None => std::path::absolute(&data)?.display().to_string(),
    };
    if space::is_open_to_others(&data).unwrap_or_default() {
        let cure = space::cure(&data);
        tracing::warn!("other users of this machine may look into {place}: run `{cure}` if that is not meant");
    }
    let location = location(&config);
    let home = match &location {
        Location::SurrealKv(directory) => Some(Home::check(directory, adopted)?),
        Location::Memory => None,
    };
    let engine = Embedded::open(location, Sizes::for_log(config.store.max_log)).await?;
    let opened = Store::open(Arc::new(engine), &data).await?;
    home.map_or(Ok(()), |home| home.stamp())?;
    let listener = TcpListener::bind(config.listen).await.map_err(|error| {
        let cure = "another host may be there (`easel doctor` tells), or choose another address with --listen";
        anyhow!("cannot listen on {} ({error}): {cure}", config.listen)
    })?;
    let address = listener.local_addr()?;
    let files = Files::open(&data)?;
    let registry = Arc::new(Registry::begin(&config, &data)?);
    for url in out_of_reach(&config) {
        tracing::warn!("{url}");
    }

    let store = opened.store.clone();
    let (scheduler, mut writer) = Scheduler::start(opened, setup(&config, &registry));
    scheduler.send(Command::Recover).await.context("cannot recover the jobs that were running")?;
    let named = sweep(&scheduler, &files).await.context("cannot remove the files of lost attempts")?;
    let kept = scheduler.state().kept().bytes;

    let holders = Holders::new(scheduler.clone(), config.command_grace, stop.clone());
    holders.expect_back();
    // Before anything is claimed.
    let disk = Arc::new(disk_watch(&config, &data, &scheduler));
    disk.look().await;
    let mut doors = Devices::default();
    let workers: Vec<Worker> = config
        .devices
        .iter()
        .map(|device| Worker {
            device: device.name.clone(),
            port: Arc::new(Local::new(&device.name, scheduler.clone(), files.clone(), holders.clone(), disk.clone())),
            registry: registry.clone(),
            shutdown_grace: config.shutdown_grace,
            memory: Memory::default(),
            requests: doors.add(&device.name),
        })
        .collect();
    for worker in &workers {
        worker.tell_memory().await;
    }
    tokio::spawn(Breaker { scheduler: scheduler.clone(), registry: registry.clone() }.run(stop.clone()));
    let backends = registry.clone();
    let mut loading = Loading::start(scheduler.clone(), registry.clone(), &config.default_backend, stop.clone());
    tokio::spawn(disk.clone().run(stop.clone()));
    tokio::spawn(tell_lacking(scheduler.clone(), files.clone(), named, kept));
    let uploads = tokio::spawn(expire_uploads(files.clone(), scheduler.clone()));
    let retention = retention(&config.retention);
    let pruner =
        tokio::spawn(Pruner { scheduler: scheduler.clone(), files: files.clone(), retention }.run(stop.clone()));
    let web_stop = CancellationToken::new();
    let host = web::Host {
        links: Links::new(&config.web),
        config,
        scheduler: scheduler.clone(),
        registry,
        files,
        devices: doors,
        disk,
        holders,
        stopping: stop.clone(),
    };
    let shares = web::Shares::of(files_limit, open_files::count().unwrap_or(FILES_OPEN));
    tracing::info!("listening on http://{address}");
    let mut web = tokio::spawn(web::serve(listener, Arc::new(host), shares, web_stop.clone()));

    // Whoever asks is answered from here on. Jobs are run when it is known which backends can run them.
    let mut devices = JoinSet::new();
    let working = async {
        if loading.settled().await {
            for worker in workers {
                devices.spawn(worker.run(stop.clone()));
            }
        }
        if loading.done().await {
            announce(format!("easel is ready at http://{address}\nits data: {place}\n{}", broken(&backends)));
        }
        stop.cancelled().await;
    };
    tokio::select! {
        () = working => {}
        // The writer ends by itself only when nobody can tell what the store holds: guessing would be worse than ending.
        ended = &mut writer => return ended.context("the writer crashed")?,
        moved = moved(&store) => return Err(moved.into()),
        ended = &mut web => { ended.context("the web server crashed")??; stop.cancel(); }
    }

    tracing::info!("stopping: no new job is started, the running one gets its grace");
    while let Some(ended) = devices.join_next().await {
        ended.context("a device's task crashed")?;
    }
    uploads.abort();
    pruner.await.context("the pruning task crashed")?;
    web_stop.cancel();
    if !web.is_finished() {
        web.await.context("the web server crashed")??;
    }
    scheduler.close();
    writer.await.context("the writer crashed")??;
    store.close().await?;
    tracing::info!("stopped");
    Ok(())
}

/// Waits until a directory is not where it was. Nothing is written any more then, not even at the end.
async fn moved(store: &Store) -> StoreError {
    let mut looks = tokio::time::interval(LOOK);
    loop {
        looks.tick().await;
        if let Err(error) = store.check_places() {
            return error;
        }
    }
}

/// A line that names the backends that cannot run, if there are any.
fn broken(backends: &Registry) -> String {
    let broken = |entry: Entry<'_>| matches!(entry.standing, Standing::Broken(_)).then(|| entry.name.to_owned());
    let names: Vec<_> = backends.entries().filter_map(broken).collect();
    if names.is_empty() {
        return String::new();
    }
    format!("broken backends: {} (`easel backend list` says why)\n", names.join(", "))
}

/// Says it on standard output, in one piece: whoever waits for the first line may read no more. Nobody waits for whoever does not
/// read at all.
fn announce(text: String) {
    let write = move || {
        if let Err(error) = io::stdout().write_all(text.as_bytes()) {
            tracing::debug!("nobody hears that the host is ready: {error}");
        }
    };
    if let Err(error) = std::thread::Builder::new().name("stdout".to_owned()).spawn(write) {
        tracing::warn!("there is no thread to say that the host is ready: {error}");
    }
}

/// Fires at SIGINT or SIGTERM. SIGHUP changes nothing.
fn stop_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let (stop, mut signals) = (stop.clone(), signal(kind).context("cannot listen for signals")?);
        tokio::spawn(async move {
            signals.recv().await;
            stop.cancel();
        });
    }
    // A terminal that closes sends it as well, and who asks for the configuration to be read again must not end the host.
    let mut hang_ups = signal(SignalKind::hangup()).context("cannot listen for signals")?;
    tokio::spawn(async move {
        while hang_ups.recv().await.is_some() {
            tracing::warn!("SIGHUP: the host goes on; its configuration is read at a start only");
        }
    });
    Ok(stop)
}

/// The data directory; one that goes away with the returned guard if the store is in memory.
fn data_directory(config: &Config) -> anyhow::Result<(PathBuf, Option<tempfile::TempDir>)> {
    if config.database == Database::Memory {
        let temporary = tempfile::tempdir().context("cannot create a temporary data directory")?;
        return Ok((temporary.path().to_owned(), Some(temporary)));
    }
    std::fs::create_dir_all(&config.data).map_err(|error| {
        anyhow!("cannot create the data directory {} ({error}): choose another with --data", config.data.display())
    })?;
    Ok((config.data.clone(), None))
}

fn location(config: &Config) -> Location {
    let data: &Path = &config.data;
    config.database.directory(data).map_or(Location::Memory, Location::SurrealKv)
}

fn setup(config: &Config, registry: &Registry) -> Setup {
    let binding = |backend: Entry<'_>| {
        let retry = &backend.configured.retry;
        let backoff = Backoff { base: micros(retry.base), max: micros(retry.max) };
        // One whose component cannot be read runs nothing, and so leaves nothing that would have to be found again.
        let digest = backend.digest.unwrap_or_default();
        (
            backend.name.to_owned(),
            Binding::component(backend.configured.devices.iter().map(String::as_str), digest, backoff),
        )
    };
    let leases = config.devices.iter().map(|device| (backend_of_leases(&device.name), Binding::leased(&device.name)));
    Setup {
        devices: config.devices.iter().map(|device| device.name.clone()).collect(),
        backends: registry.entries().map(binding).chain(leases).collect(),
        limits: Limits {
            max_waiting: config.queue.max_waiting as u64,
            max_waiting_per_owner: config.queue.max_waiting_per_owner as u64,
            priority_worth: config.queue.priority_worth,
            slice: SLICE,
            retention: retention(&config.retention),
        },
        clock: Clock::default(),
    }
}

/// A duration as the core counts it.
fn micros(time: Duration) -> Timestamp {
    Timestamp::try_from(time.as_micros()).unwrap_or(Timestamp::MAX)
}

fn retention(kept: &config::Retention) -> Retention {
    Retention {
        jobs: micros(kept.jobs),
        max_jobs: kept.max_jobs,
        artifacts: kept.artifacts.as_u64(),
        keys: micros(kept.keys),
        events: kept.events,
        slice: PRUNED,
    }
}

/// Watches the disks of the data directory and of the store.
fn disk_watch(config: &Config, data: &Path, scheduler: &Scheduler) -> DiskWatch {
    let places = std::iter::once(data.to_owned()).chain(config.database.directory(data)).collect();
    DiskWatch::new(scheduler.clone(), places, config.retention.disk_reserve)
}

/// Removes the files that no row names; the artifacts that the rows of the others name. Only before the host listens: a submission's
/// inputs lie there before its row does.
async fn sweep(scheduler: &Scheduler, files: &Files) -> anyhow::Result<HashMap<JobId, Vec<Artifact>>> {
    let mut named: HashMap<JobId, Vec<Artifact>> = HashMap::new();
    for ids in files.jobs().await?.chunks(SWEEP) {
        for job in scheduler.jobs_by_id(&Viewer::Everything, ids).await? {
            named.insert(job.id, job.artifacts);
        }
    }
    let unfinished = files.discard_unfinished_uploads().await?;
    let attempts = |artifacts: &Vec<Artifact>| artifacts.iter().map(|artifact| artifact.attempt).collect();
    let swept = files.sweep(|job| named.get(&job).map(attempts)).await?;
    if swept != Default::default() || unfinished > 0 {
        tracing::info!(
            jobs = swept.jobs,
            attempts = swept.attempts,
            uploads = unfinished,
            "removed files that a crash had left behind"
        );
    }
    Ok(named)
}

async fn expire_uploads(files: Files, scheduler: Scheduler) {
    let mut hourly = tokio::time::interval(Duration::from_hours(1));
    loop {
        hourly.tick().await;
        match files.expire_uploads(UPLOADS, scheduler.own_now()).await {
            Ok(0) => {}
            Ok(expired) => tracing::info!(expired, "removed uploads that no job used for a day"),
            Err(error) => tracing::error!("cannot remove old uploads: {error}"),
        }
    }
}
