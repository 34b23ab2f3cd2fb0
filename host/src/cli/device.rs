//! `easel device`: what each GPU is doing; and stopping one.

use clap::Subcommand;
use console::style;
use easel_wire::{Device, Devices};
use reqwest::Method;

use super::client::{Client, Remote};
use super::id::short;
use super::print::Table;
use super::queue::{self, PauseArgs};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the devices
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

pub(super) async fn run(remote: &Remote, command: &Command) -> anyhow::Result<()> {
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

/// The devices as a table, one line each.
pub(super) fn table(devices: &[Device]) -> String {
    let mut table = Table::new(["DEVICE", "STATE", "BACKEND", "JOB"]);
    for device in devices {
        table.row([
            device.name.clone(),
            state(device),
            device.backend.clone().unwrap_or_default(),
            device.job.map(short).unwrap_or_default(),
        ]);
    }
    table.to_string()
}

/// All that holds of the device, since a paused one may still be finishing its job.
fn state(device: &Device) -> String {
    let states = [
        device.busy.then(|| style("busy".to_owned()).cyan()),
        device.dirty.then(|| style("dirty".to_owned()).red()),
        device.paused.as_ref().map(|pause| style(queue::paused(pause)).yellow()),
    ];
    let states: Vec<_> = states.into_iter().flatten().map(|state| state.to_string()).collect();
    if states.is_empty() { style("idle").green().to_string() } else { states.join(", ") }
}
