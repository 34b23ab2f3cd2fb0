//! `easel device`: what each GPU is doing; and stopping one.

use clap::Subcommand;
use console::style;
use easel_wire::{Device, Devices};
use reqwest::Method;

use super::queue::{self, PauseArgs};
use crate::cli::client::{Client, Remote};
use crate::cli::out::print::Table;
use crate::cli::out::short_id::short;

// Without a command of its own it is `list`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    pub(in crate::cli) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// List the devices [the default]
    List,
    /// Start no more jobs on a device; a running one finishes
    Pause {
        /// The device
        name: String,
        #[command(flatten)]
        pausing: PauseArgs,
    },
    /// Free the memory of an idle device
    Unload {
        /// The device
        name: String,
    },
    /// Start jobs on a device again
    Resume {
        /// The device
        name: String,
    },
}

pub(in crate::cli) async fn run(remote: &Remote, command: &Command) -> anyhow::Result<()> {
    let client = Client::new(remote)?;
    let request = |name: &str, what: &str| client.request(Method::POST, client.url(["v1", "devices", name, what]));
    let answer = match command {
        Command::List => {
            let answer = client.get(&["v1", "devices"]).await?;
            return answer.print(remote.json, |Devices { devices }: Devices| table(&devices));
        }
        Command::Pause { name, pausing } => client.ask(request(name, "pause").json(&pausing.asked())).await?,
        Command::Unload { name } => {
            let url = client.url(["v1", "devices", name, "unload"]);
            client.ask(client.long_request(Method::POST, url)).await?
        }
        Command::Resume { name } => client.ask(request(name, "resume")).await?,
    };
    answer.print(remote.json, |device: Device| table(&[device]))
}

/// The devices as a table, one line each. What a device does has a column of its own: one that is paused may be idle, or finish its job.
pub(in crate::cli) fn table(devices: &[Device]) -> String {
    let mut table = Table::new(["DEVICE", "STATE", "BACKEND", "JOB", "QUEUED", "MEMORY", "PAUSED"]);
    for device in devices {
        table.row([
            device.name.clone(),
            state(device),
            device.backend.clone().unwrap_or_default(),
            device.job.map(short).unwrap_or_default(),
            device.length.to_string(),
            memory(&device.memory),
            // With what somebody has to say of it, which is as long as they like.
            device.paused.as_ref().map(|pause| style(queue::by(pause)).yellow().to_string()).unwrap_or_default(),
        ]);
    }
    table.to_string()
}

fn state(device: &Device) -> String {
    match device {
        Device { busy: true, .. } => style("busy").cyan(),
        Device { dirty: true, .. } => style("being cleaned up").red(),
        _ => style("idle").green(),
    }
    .to_string()
}

fn memory(holders: &[String]) -> String {
    if holders.is_empty() { "free".to_owned() } else { format!("may be held by {}", holders.join(", ")) }
}

#[cfg(test)]
mod tests {
    use easel_wire::{Pause, Time};

    use super::*;
    use crate::cli::out::sample;

    fn told(device: Device) -> String {
        console::strip_ansi_codes(&table(&[device])).into_owned()
    }

    #[test]
    fn a_paused_device_says_as_well_whether_it_is_idle() {
        let since = Time::from_micros(chrono::Utc::now().timestamp_micros());
        let paused = Some(Pause { reason: None, by: "ann".to_owned(), since, unload: false });
        let idle = Device { paused, ..sample::device() };
        let busy = Device { busy: true, ..idle.clone() };
        let header = "DEVICE  STATE  QUEUED  MEMORY  PAUSED\n";
        assert_eq!(told(idle), format!("{header}gpu0    idle   0       free    by ann just now, until it is resumed"));
        assert_eq!(told(busy), format!("{header}gpu0    busy   0       free    by ann just now, until it is resumed"));
        let dirty = Device { dirty: true, ..sample::device() };
        assert_eq!(told(dirty), "DEVICE  STATE             QUEUED  MEMORY\ngpu0    being cleaned up  0       free");
    }

    #[test]
    fn a_device_says_whether_its_memory_is_free_or_who_may_hold_it() {
        let holding = |backends: &[&str]| {
            let memory = backends.iter().map(|name| (*name).to_owned()).collect();
            told(Device { memory, ..sample::device() }).lines().last().unwrap_or_default().to_owned()
        };
        assert_eq!(holding(&[]), "gpu0    idle   0       free");
        assert_eq!(holding(&["forge", "stub"]), "gpu0    idle   0       may be held by forge, stub");
    }
}
